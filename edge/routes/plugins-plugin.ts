import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { CALL_LIMITS } from "../../shared/plugin/limits.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { callerOf } from "../home/account-backend.ts";
import { takeMade } from "../home/made.ts";
import { PLUGIN_LIMITS } from "../home/plugins/limits.ts";
import { pluginsOf } from "../home/plugins/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { changeSchema, installedSchema, shownInstalled } from "./plugins-schema.ts";

const described = { tags: ["Plugins"] };
const params = z.object({
  publisher: z.string().max(64).openapi({ example: "porchlight" }),
  name: z.string().max(64).openapi({ example: "hello" }),
});
const secretParams = params.extend({ secret: z.string().max(64).openapi({ example: "API_TOKEN" }) });
const path = "/api/plugins/{publisher}/{name}";
const missing = errorResponses("invalid_api_key", "forbidden", "not_found");
const one = { description: "The plugin.", content: jsonContent(installedSchema) };

const secretSchema = z
  .strictObject({ value: z.string().min(1).max(PLUGIN_LIMITS.secretCharacters) })
  .openapi("PluginSecret");
const callSchema = z
  .strictObject({
    tool: z.string().max(64),
    input: z.record(z.string(), z.unknown()).default({}),
    files: z
      .array(z.string().max(128))
      .max(32)
      .optional()
      .openapi({ description: "Ids of your files that it may read." }),
    locale: z.enum(["en", "zh-CN"]).default("en"),
    timeZone: z.string().max(64).default("UTC"),
  })
  .openapi("PluginToolCall");
const outcomeSchema = z
  .object({
    id: z.string().openapi({ description: "Of the call's record." }),
    ok: z.boolean(),
    value: z.unknown().optional(),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
  })
  .openapi("PluginToolOutcome");

const showRoute = createRoute({
  ...described,
  method: "get",
  path,
  operationId: "showPlugin",
  summary: "A plugin that you have installed",
  request: { params },
  responses: { 200: one, ...missing },
});
const changeRoute = createRoute({
  ...described,
  method: "patch",
  path,
  operationId: "changePlugin",
  summary: "Grant a plugin more or less of what it asks for, or switch it on or off",
  description: "It holds at once, for calls that are under way too.",
  request: { params, body: jsonBody(changeSchema) },
  responses: { 200: one, ...errorResponses("invalid_request"), ...missing },
});
const removeRoute = createRoute({
  ...described,
  method: "delete",
  path,
  operationId: "removePlugin",
  summary: "Remove a plugin, with its values and secrets",
  request: { params },
  responses: { 204: { description: "Removed." }, ...missing },
});
const setSecretRoute = createRoute({
  ...described,
  method: "put",
  path: `${path}/secrets/{secret}`,
  operationId: "setPluginSecret",
  summary: "Enter a secret that a plugin asks for",
  description: "It is sealed at rest and never shown again; the plugin reads it while you grant it that.",
  request: { params: secretParams, body: jsonBody(secretSchema) },
  responses: { 204: { description: "Kept." }, ...errorResponses("invalid_request"), ...missing },
});
const removeSecretRoute = createRoute({
  ...described,
  method: "delete",
  path: `${path}/secrets/{secret}`,
  operationId: "removePluginSecret",
  summary: "Forget a secret",
  request: { params: secretParams },
  responses: { 204: { description: "Forgotten." }, ...missing },
});
const callRoute = createRoute({
  ...described,
  method: "post",
  path: `${path}/call`,
  operationId: "callPlugin",
  summary: "Call a tool of a plugin yourself",
  description: "What a plugin fails with is the outcome, not an error of this request.",
  request: { params, body: jsonBody(callSchema) },
  responses: {
    200: { description: "What it came to.", content: jsonContent(outcomeSchema) },
    ...errorResponses("invalid_request"),
    ...missing,
  },
});

function nameOf(c: Context<AppEnv>): string {
  return `@${c.req.param("publisher") ?? ""}/${c.req.param("name") ?? ""}`;
}

function noSuchPlugin(): PorchlightError {
  return new PorchlightError("not_found", "You have no plugin of this name.");
}

/** `/api/plugins/{publisher}/{name}`: one plugin. */
export function mountPlugin(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, showRoute);
  app.get("/api/plugins/:publisher/:name", async (c) => {
    const { id, userId } = accountOf(c);
    const found = await pluginsOf(c.env, id).get(userId, nameOf(c));
    if (found === undefined) throw noSuchPlugin();
    return c.json(shownInstalled(found));
  });

  registerRoute(app, changeRoute);
  app.patch("/api/plugins/:publisher/:name", async (c) => {
    const { permissions, enabled, locale, timeZone } = await readJsonBody(c.req.raw, changeSchema);
    const { id, userId } = accountOf(c);
    if (timeZone !== undefined)
      takeMade(await pluginsOf(c.env, id).setCaller(userId, { timeZone, locale: locale ?? "en" }));
    const to = { ...(permissions === undefined ? {} : { permissions }), ...(enabled === undefined ? {} : { enabled }) };
    const changed = takeMade(await pluginsOf(c.env, id).change(userId, nameOf(c), to));
    await audit(c, "plugin_changed", { target: changed.name });
    return c.json(shownInstalled(changed));
  });

  registerRoute(app, removeRoute);
  app.delete("/api/plugins/:publisher/:name", async (c) => {
    const { id, userId } = accountOf(c);
    if (!(await pluginsOf(c.env, id).remove(userId, nameOf(c)))) throw noSuchPlugin();
    await audit(c, "plugin_removed", { target: nameOf(c) });
    return c.body(null, 204);
  });

  registerRoute(app, setSecretRoute);
  app.put("/api/plugins/:publisher/:name/secrets/:secret", async (c) => {
    const { value } = await readJsonBody(c.req.raw, secretSchema);
    const { id, userId } = accountOf(c);
    const secret = c.req.param("secret");
    takeMade(await pluginsOf(c.env, id).setSecret(userId, nameOf(c), secret, value));
    await audit(c, "plugin_secret_set", { target: `${nameOf(c)} ${secret}` });
    return c.body(null, 204);
  });

  registerRoute(app, removeSecretRoute);
  app.delete("/api/plugins/:publisher/:name/secrets/:secret", async (c) => {
    const { id, userId } = accountOf(c);
    const secret = c.req.param("secret");
    if (!(await pluginsOf(c.env, id).removeSecret(userId, nameOf(c), secret)))
      throw new PorchlightError("not_found", "There is no such secret.");
    await audit(c, "plugin_secret_removed", { target: `${nameOf(c)} ${secret}` });
    return c.body(null, 204);
  });

  registerRoute(app, callRoute);
  app.post("/api/plugins/:publisher/:name/call", async (c) => {
    const asked = await readJsonBody(c.req.raw, callSchema, { limitBytes: 2 * CALL_LIMITS.inputBytes });
    const account = accountOf(c);
    const { tool, input, files, locale, timeZone } = asked;
    const id = `call_${crypto.randomUUID().replaceAll("-", "")}`;
    const { key } = account;
    const payer = {
      caller: callerOf(account),
      models: key?.models ?? null,
      priority: key?.priority ?? "normal",
    } as const;
    const call = { id, tool, input, caller: { locale, timeZone }, payer, ...(files === undefined ? {} : { files }) };
    const outcome = takeMade(await pluginsOf(c.env, account.id).callTool(account.userId, nameOf(c), call));
    return c.json({ id, ...outcome } satisfies z.infer<typeof outcomeSchema>);
  });
}
