import { env } from "cloudflare:workers";
import type { z } from "zod";
import { takeDraft } from "../../../edge/market/intake.ts";
import { putRevocation } from "../../../edge/market/store/revocations.ts";
import type { updatesSchema } from "../../../edge/routes/plugin-updates.ts";
import { database } from "../../../edge/store/database.ts";
import { type ManifestDraft, type Permissions, permissionsSchema } from "../../../shared/plugin/manifest.ts";
import { makePackage, type PackageWanted } from "../../support/market.ts";
import { type PublisherOf, runMarket } from "../market/support.ts";
import { request } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { install, type Shown } from "../plugins/support.ts";

export type Updates = z.infer<typeof updatesSchema>;
/** Of a manifest, what a test is about. */
export type Asked = Partial<Omit<ManifestDraft, "permissions">> & { permissions?: Partial<Permissions> };

/** A module whose tool `which` gives back the version; `more`: other tools, as source. */
export function module(version: string, more = ""): string {
  return `export default { tools: { which: { description: "d", input: { type: "object" }, async execute(context) { return "${version}"; } }, ${more} } };`;
}

/**
 * Publishes a version whose tool says which it is: kept as its publisher hands it in, and signed into the catalogue as the market does.
 * What checks and reviewers would say of it is tried elsewhere.
 */
export async function release(
  of: Pick<PublisherOf, "userId" | "keys">,
  wanted: Omit<PackageWanted, "draft"> & { version: string; draft?: Asked },
): Promise<{ id: string; hash: string; version: string }> {
  const db = database(env.DB);
  const { draft, ...rest } = wanted;
  const asked = draft && { ...draft, permissions: permissionsSchema.parse(draft.permissions ?? {}) };
  const { bytes, hash } = await makePackage({ code: module(wanted.version), ...rest, draft: asked ?? {} }, of.keys);
  const { version } = await takeDraft({ db, packages: env.PACKAGES, nowMs: Date.now() }, of.userId, bytes);
  const { id } = version;
  await setState(id, "published");
  return { id, hash, version: wanted.version };
}

/** As a decision would, and then the market signs. */
export async function setState(id: string, state: "published" | "yanked"): Promise<void> {
  await env.DB.prepare("UPDATE market_versions SET state = ?, state_at = ?2, published_at = ?2 WHERE id = ?3")
    .bind(state, Date.now(), id)
    .run();
  await runMarket();
}

/** The market takes a version back. */
export async function revoke({ id, hash, version }: { id: string; hash: string; version: string }): Promise<void> {
  await putRevocation(database(env.DB), {
    hash,
    name: "@ada/x",
    version,
    reason: "malware",
    words: "x",
    at: Date.now(),
  });
  await env.DB.prepare("UPDATE market_versions SET state = 'revoked' WHERE id = ?").bind(id).run();
  await runMarket();
}

/** Installs a published package as the page does: its bytes from the market, then by its hash. */
export async function installFromMarket(apiKey: string, hash: string, permissions?: object): Promise<Shown> {
  const response = await request(`/api/market/packages/${hash}`);
  if (response.status !== 200) throw new Error(await response.text());
  return await install(apiKey, new Uint8Array(await response.arrayBuffer()), permissions);
}

/** Looks for updates now. Returns how one plugin stands then. */
export async function look(apiKey: string, name: string): Promise<Updates> {
  return await only(await send(apiKey, "POST", "/api/plugins/updates", {}), name);
}

export async function updatesOf(apiKey: string, name: string): Promise<Updates> {
  return await only(await send(apiKey, "GET", "/api/plugins/updates"), name);
}

async function only(response: Response, name: string): Promise<Updates> {
  if (response.status !== 200) throw new Error(await response.text());
  const { plugins } = await response.json<{ plugins: Updates[] }>();
  const found = plugins.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name} among ${JSON.stringify(plugins)}`);
  return found;
}
