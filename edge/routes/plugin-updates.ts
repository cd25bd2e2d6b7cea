import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { pluginUpdatesOf } from "../home/plugins/updates/remote.ts";
import { OFFER_REASONS, UPDATE_MODES } from "../home/plugins/updates/update-state.ts";
import type { UpdateView } from "../home/plugins/updates/update-view.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { hashSchema, shownPermissionsSchema } from "./plugins-schema.ts";

const described = { tags: ["Plugins"] };
const params = z.object({
  publisher: z.string().max(64).openapi({ example: "porchlight" }),
  name: z.string().max(64).openapi({ example: "hello" }),
});
const path = "/api/plugins/{publisher}/{name}";
const time = z.iso.datetime();

const offerSchema = z
  .object({
    version: z.string(),
    hash: hashSchema,
    signer: z.string().openapi({ description: "The Ed25519 key that signed it, base64url." }),
    reasons: z.array(z.enum(OFFER_REASONS)).openapi({ description: "Why it does not come by itself." }),
    asks: shownPermissionsSchema,
    more: shownPermissionsSchema.openapi({ description: "What it asks for that the installed one does not." }),
    permissions: shownPermissionsSchema.openapi({
      description: "What it would have by a yes: what you grant now, and what it asks more.",
    }),
    runsOn: z.enum(["edge", "home", "both"]),
    price: z
      .object({ currency: z.string(), minorUnits: z.number(), every: z.enum(["month", "year"]).exactOptional() })
      .optional(),
  })
  .openapi("PluginUpdateOffer");
const modeSchema = z.enum(UPDATE_MODES).openapi({
  description:
    "`automatic`: what asks for nothing more comes by itself. `ask`: nothing does. `pinned`: it stays as it is, unless the market takes it back.",
});
export const updatesSchema = z
  .object({
    name: z.string().openapi({ example: "@porchlight/hello" }),
    version: z.string(),
    updates: modeSchema,
    origin: z.enum(["market", "file"]).nullable().openapi({
      description:
        "Where the installed package is from. What is not of the market is left alone. null: nobody has looked yet.",
    }),
    isYanked: z.boolean().openapi({ description: "Its publisher has withdrawn the installed version." }),
    isRevoked: z.boolean().openapi({ description: "The market took the installed version back: it does not run." }),
    checkedAt: time.nullable(),
    offer: offerSchema.nullable(),
    problem: z
      .object({ version: z.string().nullable(), code: z.string(), message: z.string(), at: time })
      .nullable()
      .openapi({ description: "Why the last look, or the update to `version`, came to nothing." }),
    kept: z.array(z.object({ version: z.string(), hash: hashSchema, keptAt: time, isRevoked: z.boolean() })),
    log: z.array(
      z.object({ from: z.string(), to: z.string(), how: z.enum(["automatic", "agreed", "rollback"]), at: time }),
    ),
  })
  .openapi("PluginUpdates");
const listSchema = z.object({ plugins: z.array(updatesSchema) }).openapi("PluginUpdatesList");
const lookSchema = z
  .strictObject({ plugin: z.string().max(90).optional().openapi({ description: "Of this one alone." }) })
  .openapi("PluginUpdatesLook");
const consentSchema = z
  .strictObject({
    hash: hashSchema,
    permissions: shownPermissionsSchema.optional().openapi({
      description: "Exactly this is granted. Absent: what you grant now, as far as the new version asks for it.",
    }),
    newSigner: z.boolean().default(false).openapi({ description: "That another key has signed it is all right." }),
  })
  .openapi("PluginUpdateConsent");
const rollbackSchema = z.strictObject({ hash: hashSchema }).openapi("PluginRollback");
const settingSchema = z.strictObject({ updates: modeSchema }).openapi("PluginUpdatesSetting");

const one = { description: "How it stands now.", content: jsonContent(updatesSchema) };
const list = { description: "Your plugins, by name.", content: jsonContent(listSchema) };
const missing = errorResponses("invalid_request", "invalid_api_key", "forbidden", "not_found");
const refused = errorResponses("plugin_update_over", "plugin_revoked", "plugin_not_bought", "subscription_over");

const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/plugins/updates",
  operationId: "listPluginUpdates",
  summary: "Which of your plugins have newer versions, what came by itself, and what you can go back to",
  responses: { 200: list, ...errorResponses("invalid_api_key", "forbidden") },
});
const lookRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/plugins/updates",
  operationId: "lookForPluginUpdates",
  summary: "Look for updates now",
  description:
    "It is done every six hours anyway. What asks for nothing more is updated. What went wrong is each plugin's `problem`.",
  request: { body: jsonBody(lookSchema) },
  responses: { 200: list, ...missing },
});
const updateRoute = createRoute({
  ...described,
  method: "post",
  path: `${path}/update`,
  operationId: "updatePlugin",
  summary: "Update a plugin to the version that is offered",
  description: "By your word for exactly that package. Stored values and secrets stay.",
  request: { params, body: jsonBody(consentSchema) },
  responses: { 200: one, ...missing, ...refused, ...errorResponses("plugin_signer_changed", "market_freeze") },
});
const rollbackRoute = createRoute({
  ...described,
  method: "post",
  path: `${path}/rollback`,
  operationId: "rollBackPlugin",
  summary: "Go back to a version that was kept, and pin it",
  description: "With what was granted to it then, less what you withdrew since. Stored values and secrets stay.",
  request: { params, body: jsonBody(rollbackSchema) },
  responses: { 200: one, ...missing, ...refused },
});
const settingRoute = createRoute({
  ...described,
  method: "patch",
  path: `${path}/updates`,
  operationId: "setPluginUpdates",
  summary: "Choose how a plugin is updated",
  request: { params, body: jsonBody(settingSchema) },
  responses: { 200: one, ...missing },
});

/** `/api/plugins/updates`, and what becomes of them. */
export function mountPluginUpdates(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { id, userId } = accountOf(c);
    const plugins = (await pluginUpdatesOf(c.env, id).list(userId)).map(shownUpdates);
    return c.json({ plugins } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, lookRoute);
  app.post(lookRoute.path, async (c) => {
    const { plugin } = await readJsonBody(c.req.raw, lookSchema);
    const { id, userId } = accountOf(c);
    const plugins = (await pluginUpdatesOf(c.env, id).look(userId, plugin)).map(shownUpdates);
    if (plugin !== undefined && !plugins.some(({ name }) => name === plugin)) throw noSuchPlugin();
    return c.json({ plugins } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, updateRoute);
  app.post("/api/plugins/:publisher/:name/update", async (c) => {
    const { hash, newSigner, permissions } = await readJsonBody(c.req.raw, consentSchema);
    const consent = { hash, newSigner, ...(permissions === undefined ? {} : { permissions }) };
    const { id, userId } = accountOf(c);
    takeMade(await pluginUpdatesOf(c.env, id).update(userId, nameOf(c), consent));
    return await answer(c, "plugin_updated");
  });

  registerRoute(app, rollbackRoute);
  app.post("/api/plugins/:publisher/:name/rollback", async (c) => {
    const { hash } = await readJsonBody(c.req.raw, rollbackSchema);
    const { id, userId } = accountOf(c);
    takeMade(await pluginUpdatesOf(c.env, id).rollback(userId, nameOf(c), hash));
    return await answer(c, "plugin_rolled_back");
  });

  registerRoute(app, settingRoute);
  app.patch("/api/plugins/:publisher/:name/updates", async (c) => {
    const { updates } = await readJsonBody(c.req.raw, settingSchema);
    const { id, userId } = accountOf(c);
    takeMade(await pluginUpdatesOf(c.env, id).setMode(userId, nameOf(c), updates));
    return await answer(c, "plugin_changed");
  });
}

async function answer(c: Context<AppEnv>, action: "plugin_updated" | "plugin_rolled_back" | "plugin_changed") {
  const { id, userId } = accountOf(c);
  const found = (await pluginUpdatesOf(c.env, id).list(userId)).find(({ name }) => name === nameOf(c));
  if (found === undefined) throw noSuchPlugin(); // removed meanwhile
  await audit(c, action, { target: `${found.name} ${found.version}` });
  return c.json(shownUpdates(found));
}

function shownUpdates({ mode, checkedAtMs, problem, kept, entries, offer, ...view }: UpdateView) {
  return {
    ...view,
    updates: mode,
    checkedAt: checkedAtMs === null ? null : iso(checkedAtMs),
    offer,
    problem: problem && {
      version: problem.version,
      code: problem.code,
      message: problem.message,
      at: iso(problem.atMs),
    },
    kept: kept.map(({ keptAtMs, ...earlier }) => ({ ...earlier, keptAt: iso(keptAtMs) })),
    log: entries.map(({ atMs, ...entry }) => ({ ...entry, at: iso(atMs) })),
  } satisfies z.infer<typeof updatesSchema>;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function nameOf(c: Context<AppEnv>): string {
  return `@${c.req.param("publisher") ?? ""}/${c.req.param("name") ?? ""}`;
}

function noSuchPlugin(): PorchlightError {
  return new PorchlightError("not_found", "You have no plugin of this name.");
}
