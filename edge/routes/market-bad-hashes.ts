import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { markBad, MOST_HASHES } from "../market/known-bad.ts";
import { marketOf } from "../market/market.ts";
import { reviewerOf } from "./market-desk.ts";

const bodySchema = z
  .strictObject({
    hashes: z
      .array(z.string().regex(/^[0-9a-f]{64}$/, "expected SHA-256 in hex"))
      .min(1)
      .max(MOST_HASHES),
    words: z.string().trim().min(1).max(500),
  })
  .openapi("BadHashes", {
    example: { hashes: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"], words: "A miner." },
  });
const answerSchema = z.object({
  quarantined: z
    .number()
    .int()
    .openapi({ description: "Published versions that hold one, and wait for a reviewer now." }),
});

const route = createRoute({
  method: "post",
  path: "/api/market/bad-hashes",
  operationId: "addBadHashes",
  tags: ["Market"],
  summary: "Name packages or files that are known to be bad",
  description: "By SHA-256. What comes in with one is quarantined, and so is what is published.",
  request: { body: jsonBody(bodySchema) },
  responses: {
    200: { description: "They are known.", content: jsonContent(answerSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "market_role_needed"),
  },
});

/** `POST /api/market/bad-hashes`. */
export function mountMarketBadHashes(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    const { hashes, words } = await readJsonBody(c.req.raw, bodySchema);
    const { db } = await reviewerOf(c);
    const quarantined = await markBad(db, hashes, words, Date.now());
    await audit(c, "version_decided", { target: `${hashes.length} bad hashes: ${words}` });
    await marketOf(c.env).wake();
    return c.json({ quarantined } satisfies z.infer<typeof answerSchema>);
  });
}
