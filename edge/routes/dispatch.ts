import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { accountOf } from "../middleware/authenticate.ts";

const settingsSchema = z
  .object({
    replay: z.enum(["on", "off"]).openapi({
      description:
        "Whether an answer that has begun goes on on another machine when its own fails. Before that, another always takes over. " +
        "The header `porchlight-failover` (`on` or `off`) decides for one request.",
    }),
  })
  .openapi("DispatchSettings");

const readRoute = createRoute({
  method: "get",
  path: "/api/dispatch",
  operationId: "getDispatch",
  tags: ["Machines"],
  summary: "How machines are chosen",
  responses: {
    200: { description: "What the household decided.", content: jsonContent(settingsSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});

const changeRoute = createRoute({
  method: "put",
  path: "/api/dispatch",
  operationId: "setDispatch",
  tags: ["Machines"],
  summary: "Decide how machines are chosen",
  description: "Owner only.",
  request: { body: jsonBody(settingsSchema.strict()) },
  responses: {
    200: { description: "As it is from now on.", content: jsonContent(settingsSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden"),
  },
});

/** `GET` and `PUT /api/dispatch`. */
export function mountDispatch(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, readRoute);
  app.get(readRoute.path, async (c) => c.json(await homeOf(c.env, accountOf(c).id).dispatchSettings()));
  registerRoute(app, changeRoute);
  app.put(changeRoute.path, async (c) => {
    const settings = await readJsonBody(c.req.raw, settingsSchema.strict());
    await homeOf(c.env, accountOf(c).id).setDispatchSettings(settings);
    await audit(c, "dispatch_changed", { target: settings.replay });
    return c.json(settings);
  });
}
