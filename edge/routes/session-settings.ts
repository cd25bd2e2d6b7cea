import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { resolveSettings } from "../../shared/sessions/settings.ts";
import type { AppEnv } from "../env.ts";
import { sessionConfiguration } from "../home/sessions/configuration.ts";
import { sessionsOf } from "../home/sessions/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { settingsSchema } from "./sessions-schema.ts";

const answerSchema = z
  .object({
    settings: settingsSchema.openapi({ description: "What the person set." }),
    resolved: settingsSchema.openapi({ description: "What holds for a session that sets nothing itself." }),
  })
  .openapi("PersonSessionSettings");

const showRoute = createRoute({
  method: "get",
  path: "/api/session-settings",
  operationId: "showSessionSettings",
  tags: ["Sessions"],
  summary: "How one's conversations are held",
  responses: {
    200: { description: "The settings.", content: jsonContent(answerSchema) },
    ...errorResponses("invalid_api_key"),
  },
});

const setRoute = createRoute({
  method: "put",
  path: "/api/session-settings",
  operationId: "setSessionSettings",
  tags: ["Sessions"],
  summary: "Set how one's conversations are held",
  description:
    "All of them: what is absent is the edge's configuration from now on. A session may set others for itself.",
  request: { body: jsonBody(settingsSchema) },
  responses: {
    200: { description: "As they are now.", content: jsonContent(answerSchema) },
    ...errorResponses("invalid_request", "invalid_api_key"),
  },
});

/** `GET` and `PUT /api/session-settings`. */
export function mountSessionSettings(app: OpenAPIHono<AppEnv>): void {
  const shown = (env: AppEnv["Bindings"], settings: z.infer<typeof settingsSchema>) => {
    const { window } = sessionConfiguration(env);
    return { settings, resolved: resolveSettings([settings, { window }]) } satisfies z.infer<typeof answerSchema>;
  };

  registerRoute(app, showRoute);
  app.get(showRoute.path, async (c) => {
    const { id, userId } = accountOf(c);
    return c.json(shown(c.env, await sessionsOf(c.env, id).settingsOf(userId)));
  });

  registerRoute(app, setRoute);
  app.put(setRoute.path, async (c) => {
    const settings = await readJsonBody(c.req.raw, settingsSchema);
    const { id, userId } = accountOf(c);
    return c.json(shown(c.env, await sessionsOf(c.env, id).setSettingsOf(userId, settings)));
  });
}
