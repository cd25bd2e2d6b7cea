import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { memoryOf } from "../home/memory/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { factSchema, newFactSchema, shownFact } from "./memory-schema.ts";

const params = z.object({ id: z.string().max(128) });

const changeRoute = createRoute({
  method: "patch",
  path: "/api/memory/{id}",
  operationId: "changeFact",
  tags: ["Memory"],
  summary: "Say a fact in other words",
  request: { params, body: jsonBody(newFactSchema) },
  responses: {
    200: { description: "The fact.", content: jsonContent(factSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "not_found"),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/api/memory/{id}",
  operationId: "forgetFact",
  tags: ["Memory"],
  summary: "Forget a fact",
  request: { params },
  responses: { 204: { description: "It is forgotten." }, ...errorResponses("invalid_api_key", "not_found") },
});

/** `/api/memory/{id}`: one fact. */
export function mountFact(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, changeRoute);
  app.patch("/api/memory/:id", async (c) => {
    const { text } = await readJsonBody(c.req.raw, newFactSchema);
    const { id, userId } = accountOf(c);
    const fact = takeMade(await memoryOf(c.env, id).change(userId, c.req.param("id"), text));
    return c.json(shownFact(fact) satisfies z.infer<typeof factSchema>);
  });

  registerRoute(app, deleteRoute);
  app.delete("/api/memory/:id", async (c) => {
    const { id, userId } = accountOf(c);
    if (!(await memoryOf(c.env, id).remove(userId, c.req.param("id")))) {
      throw new PorchlightError("not_found", "There is no such fact, or it is not yours.");
    }
    return c.body(null, 204);
  });
}
