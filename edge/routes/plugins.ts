import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readBytes, readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { permissionChanges } from "../../shared/market/difference.ts";
import { MOST_PACKAGE_BYTES } from "../../shared/plugin/limits.ts";
import { readPackage } from "../../shared/plugin/package.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { PackageStore } from "../home/plugins/package-store.ts";
import { pluginsOf } from "../home/plugins/remote-desk.ts";
import { marketOf } from "../market/market.ts";
import { touchPackage } from "../market/store/package-holds.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { inspectedSchema, installedSchema, installSchema, shownInstalled, shownTool } from "./plugins-schema.ts";

const described = { tags: ["Plugins"] };
const RUNS = [
  "plugin_invalid",
  "plugin_no_runtime",
  "plugin_failed",
  "plugin_timeout",
  "plugin_crashed",
  "plugin_revoked",
] as const;
const listSchema = z.object({ plugins: z.array(installedSchema) }).openapi("InstalledPluginList");

const inspectRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/plugins/inspect",
  operationId: "inspectPlugin",
  summary: "Send a plugin's package and see what it is and asks for",
  description:
    "As `porchlight plugin pack` wrote it, 20 MiB at most. Nothing is installed; the edge keeps the package, so that installing names its hash alone.",
  request: {
    body: { required: true, content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } } },
  },
  responses: {
    200: { description: "What it is.", content: jsonContent(inspectedSchema) },
    ...errorResponses("invalid_api_key", "forbidden", "body_too_large", "unsupported_media_type", ...RUNS),
  },
});
const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/plugins",
  operationId: "listPlugins",
  summary: "The plugins that you have installed",
  responses: {
    200: { description: "Your plugins, by name.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});
const installRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/plugins",
  operationId: "installPlugin",
  summary: "Install a plugin, or another version of it",
  description: "Exactly the package of this hash, with exactly these permissions, which may be fewer than it asks for.",
  request: { body: jsonBody(installSchema) },
  responses: {
    201: { description: "The plugin.", content: jsonContent(installedSchema) },
    ...errorResponses(
      "invalid_request",
      "invalid_api_key",
      "forbidden",
      "not_found",
      ...RUNS,
      "plugins_full",
      "plugin_signer_changed",
    ),
  },
});

/** `/api/plugins`: what one has installed. */
export function mountPlugins(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, inspectRoute);
  app.post(inspectRoute.path, async (c) => {
    if (!/^application\/octet-stream\b/i.test(c.req.header("content-type") ?? ""))
      throw new PorchlightError(
        "unsupported_media_type",
        "Send the package as 'Content-Type: application/octet-stream'.",
      );
    const bytes = await readBytes(c.req.raw, MOST_PACKAGE_BYTES);
    const sent = await readPackage(bytes);
    const store = new PackageStore(c.env.PACKAGES);
    await touchPackage(database(c.env.DB), sent.hash, Date.now());
    c.executionCtx.waitUntil(marketOf(c.env).packageSent());
    await store.put(sent, bytes);
    // As it is kept: another may have sent it with a signature before.
    const { manifest, hash, signature } = await store.read(sent.hash);
    const { id, userId } = accountOf(c);
    const { tools, parts, installed } = takeMade(await pluginsOf(c.env, id).inspect(userId, hash));
    const { name, version, title, description, kind, runsOn, data, permissions: asks } = manifest;
    return c.json({
      name,
      version,
      hash,
      title,
      description,
      kind,
      runsOn,
      data,
      asks,
      signer: signature?.publicKey ?? null,
      tools: tools.map(shownTool),
      parts,
      installed,
      asksMore: permissionChanges(installed?.permissions, asks),
    } satisfies z.infer<typeof inspectedSchema>);
  });

  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { id, userId } = accountOf(c);
    const plugins = (await pluginsOf(c.env, id).list(userId)).map(shownInstalled);
    return c.json({ plugins } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, installRoute);
  app.post(installRoute.path, async (c) => {
    const { hash, permissions, newSigner, locale, timeZone } = await readJsonBody(c.req.raw, installSchema);
    const { id, userId } = accountOf(c);
    if (timeZone !== undefined)
      takeMade(await pluginsOf(c.env, id).setCaller(userId, { timeZone, locale: locale ?? "en" }));
    const made = takeMade(await pluginsOf(c.env, id).install(userId, hash, permissions, newSigner));
    await audit(c, "plugin_installed", { target: `${made.name} ${made.version} ${hash.slice(0, 12)}` });
    return c.json(shownInstalled(made), 201);
  });
}
