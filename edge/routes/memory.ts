import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { MEMORY_LIMITS } from "../home/memory/limits.ts";
import { memoryOf } from "../home/memory/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { factSchema, newFactSchema, shownFact } from "./memory-schema.ts";

const listSchema = z
  .object({ facts: z.array(factSchema), most: z.number().int().openapi({ description: "How many are kept at most." }) })
  .openapi("FactList");

const listRoute = createRoute({
  method: "get",
  path: "/api/memory",
  operationId: "listFacts",
  tags: ["Memory"],
  summary: "List the facts that one asked to have remembered, the latest first",
  description: "They are told to the model with each question. Nobody sees another's, the owner included.",
  responses: {
    200: { description: "One's facts.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key"),
  },
});

const makeRoute = createRoute({
  method: "post",
  path: "/api/memory",
  operationId: "addFact",
  tags: ["Memory"],
  summary: "Have a fact remembered",
  description:
    "In a session, “Please remember that ...” does the same. A fact is one line. One that is kept already, but for capitals, is answered as it is.",
  request: { body: jsonBody(newFactSchema) },
  responses: {
    201: { description: "The fact.", content: jsonContent(factSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "memory_full"),
  },
});

const clearRoute = createRoute({
  method: "delete",
  path: "/api/memory",
  operationId: "forgetFacts",
  tags: ["Memory"],
  summary: "Forget all of one's facts",
  responses: { 204: { description: "They are forgotten." }, ...errorResponses("invalid_api_key") },
});

/** `/api/memory`: what one asked to have remembered. */
export function mountMemory(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { id, userId } = accountOf(c);
    const facts = await memoryOf(c.env, id).list(userId);
    const most = MEMORY_LIMITS.factsPerPerson;
    return c.json({ facts: facts.map(shownFact), most } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, makeRoute);
  app.post(makeRoute.path, async (c) => {
    const { text } = await readJsonBody(c.req.raw, newFactSchema);
    const { id, userId } = accountOf(c);
    const fact = takeMade(await memoryOf(c.env, id).add(userId, text));
    return c.json(shownFact(fact) satisfies z.infer<typeof factSchema>, 201);
  });

  registerRoute(app, clearRoute);
  app.delete(clearRoute.path, async (c) => {
    const { id, userId } = accountOf(c);
    await memoryOf(c.env, id).clear(userId);
    return c.body(null, 204);
  });
}
