import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { audit } from "../credentials/audit.ts";
import { issueCode } from "../credentials/one-time-code.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { originOf } from "../origin.ts";
import { database } from "../store/database.ts";

const emptySchema = z.strictObject({});

const signInLinkSchema = z.object({ url: z.url(), expiresAt: z.iso.datetime() }).openapi("SignInLink");

const route = createRoute({
  method: "post",
  path: "/api/sign-in-links",
  operationId: "createSignInLink",
  tags: ["Access"],
  summary: "Sign a browser in",
  description: "The address signs one browser in, once, within ten minutes. Owner only.",
  request: { body: jsonBody(emptySchema, false) },
  responses: {
    201: { description: "The address to open.", content: jsonContent(signInLinkSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});

export function mountSignInLinks(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    const origin = originOf(c);
    const { code, expiresAt } = await issueCode(database(c.env.DB), "sign_in", accountOf(c));
    await audit(c, "sign_in_link_made");
    return c.json({ url: `${origin}/enter/${code}`, expiresAt } satisfies z.infer<typeof signInLinkSchema>, 201);
  });
}
