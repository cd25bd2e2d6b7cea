import { z } from "zod";
import { permissionsSchema } from "../../shared/plugin/manifest.ts";
import { permissionWords } from "../../shared/plugin/permission-words.ts";
import { askMarket as ask, type MarketAccess } from "../market/market-api.ts";
import { CommandError } from "./command-error.ts";
import { edgeAccess } from "./edge-access.ts";
import { agreed, pathOf } from "./plugin-install.ts";
import type { PluginFlags } from "./plugin.ts";
import { printable, say, styled } from "./terminal.ts";

const offerSchema = z.object({
  version: z.string(),
  hash: z.string(),
  reasons: z.array(z.string()),
  more: permissionsSchema,
  permissions: permissionsSchema,
  runsOn: z.string(),
  price: z.object({ currency: z.string(), minorUnits: z.number() }).optional(),
});
const updatesSchema = z.object({
  name: z.string(),
  version: z.string(),
  updates: z.enum(["automatic", "ask", "pinned"]),
  origin: z.enum(["market", "file"]).nullable(),
  isYanked: z.boolean(),
  isRevoked: z.boolean(),
  offer: offerSchema.nullable(),
  problem: z.object({ version: z.string().nullable(), message: z.string() }).nullable(),
  kept: z.array(z.object({ version: z.string(), hash: z.string(), isRevoked: z.boolean() })),
  log: z.array(z.object({ from: z.string(), to: z.string(), how: z.string(), at: z.string() })),
});
type Updates = z.infer<typeof updatesSchema>;
const listSchema = z.object({ plugins: z.array(updatesSchema) });

/** Why a version waits, where a sentence says it; what it asks more is listed. */
const REASONS: Readonly<Record<string, (update: Updates) => string>> = {
  other_key: () => "Another key has signed it than the version that you have. Be sure that it is from the same people.",
  became_paid: ({ name }) => `It costs money now. Buy it at /market/${name.slice(1)} first.`,
  runs_elsewhere: ({ offer }) => `It runs elsewhere now: ${offer?.runsOn ?? ""}.`,
  asked_first: () => "You want to be asked before it is updated.",
  pinned: ({ name, version }) => `You have pinned ${version}. 'porchlight plugin unpin ${name}' lets it go.`,
};

/** `porchlight plugin update [@publisher/name]`: looks now; what wants more than before waits for a yes. Returns 1 where something failed. */
export async function updatePlugins(flags: PluginFlags, [name]: string[]): Promise<number> {
  const access = await edgeAccess(flags);
  if (name !== undefined) pathOf(name);
  const before = await listUpdates(access);
  const body = name === undefined ? {} : { plugin: name };
  const asked = { method: "POST", body, schema: listSchema, what: "look for updates" } as const;
  const all = (await ask(access, "/api/plugins/updates", asked)).plugins;
  const plugins = all.filter((plugin) => name === undefined || plugin.name === name);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(plugins)}\n`);
    return plugins.some(({ problem }) => problem !== null) ? 1 : 0;
  }
  if (plugins.length === 0) say("You have no plugins yet: porchlight plugin install @publisher/name");
  let failures = 0;
  for (const plugin of plugins) {
    const was = before.find((one) => one.name === plugin.name)?.version ?? plugin.version;
    if (!(await settle(access, flags, plugin, was))) failures++;
  }
  return failures === 0 ? 0 : 1;
}

/** `porchlight plugin pin @publisher/name`. */
export async function pinPlugin(flags: PluginFlags, [name]: string[]): Promise<number> {
  const { version } = await setMode(flags, name, "pinned");
  say(`${styled("green", "✓")} ${name} stays at ${version}, unless the market takes that back.`);
  return 0;
}

/** `porchlight plugin unpin @publisher/name`. */
export async function unpinPlugin(flags: PluginFlags, [name]: string[]): Promise<number> {
  await setMode(flags, name, "automatic");
  say(`${styled("green", "✓")} ${name} updates by itself to what asks for nothing more.`);
  return 0;
}

/** `porchlight plugin rollback @publisher/name [VERSION]`: to the one before, unless another kept one is named. */
export async function rollbackPlugin(flags: PluginFlags, [name, version]: string[]): Promise<number> {
  const path = `${pathOf(name)}/rollback`;
  const access = await edgeAccess(flags);
  const found = (await listUpdates(access)).find((plugin) => plugin.name === name);
  if (found === undefined) throw new CommandError("request_failed", `You have no plugin ${name}.`);
  const able = found.kept.filter(({ isRevoked }) => !isRevoked);
  const kept = version === undefined ? able[0] : able.find((one) => one.version === version);
  if (kept === undefined) {
    const has = able.map((one) => one.version).join(", ");
    throw new CommandError(
      "request_failed",
      has === "" ? `No earlier version of ${name} is kept.` : `${version} is not kept. Of ${name} there is ${has}.`,
    );
  }
  const body = { hash: kept.hash };
  await ask(access, path, { method: "POST", body, schema: updatesSchema, what: "go back to it" });
  say(`${styled("green", "✓")} ${name} went back from ${found.version} to ${kept.version}, and is pinned there.`);
  return 0;
}

/** Says what became of a plugin, and asks where something waits for a word. False: something went wrong. */
async function settle(access: MarketAccess, flags: PluginFlags, plugin: Updates, was: string): Promise<boolean> {
  const { name, version, offer, problem, origin, isYanked, isRevoked } = plugin;
  if (was !== version) say(`${styled("green", "✓")} ${name} ${was} became ${version}.`);
  if (isRevoked) say(styled("yellow", `! The market took ${name} ${version} back. It does not run.`));
  else if (isYanked) say(styled("yellow", `! The publisher of ${name} has withdrawn ${version}. It goes on working.`));
  if (problem !== null) {
    const what = problem.version === null ? "could not be looked up" : `stays at ${version}, not ${problem.version}`;
    say(styled("yellow", `! ${name} ${what}: ${printable(problem.message)}`));
    return false;
  }
  if (offer !== null) return await settleOffer(access, flags, plugin, offer);
  if (was === version) say(`${name} ${version}: ${origin === "file" ? "from a file, not updated" : "nothing newer"}.`);
  return true;
}

async function settleOffer(
  access: MarketAccess,
  flags: PluginFlags,
  plugin: Updates,
  offer: z.infer<typeof offerSchema>,
): Promise<boolean> {
  const { name, version } = plugin;
  const { reasons, more, hash, permissions } = offer;
  say(`${styled("bold", `${name} ${offer.version}`)} is there (you have ${version}).`);
  if (reasons.includes("wants_more")) {
    say(styled("yellow", "! It asks for more than the version that you have:"));
    for (const { text } of permissionWords(more, "en")) say(`  ! ${printable(text)}`);
  }
  for (const reason of reasons) {
    const sentence = REASONS[reason]?.(plugin);
    if (sentence !== undefined) say(`  ${sentence}`);
  }
  // A pin is a word already; what costs money is bought first.
  if (reasons.includes("pinned") || reasons.includes("became_paid")) return true;
  if (!flags.yes && !process.stdin.isTTY) {
    say(`It waits for your yes: porchlight plugin update ${name} --yes`);
    return true;
  }
  if (!flags.yes && !(await agreed("Update it with these permissions?"))) {
    say(`${name} stays at ${version}.`);
    return true;
  }
  const body = { hash, permissions, newSigner: reasons.includes("other_key") };
  const asked = { method: "POST", body, schema: updatesSchema, what: "update this plugin" } as const;
  await ask(access, `${pathOf(name)}/update`, asked);
  say(`${styled("green", "✓")} ${name} ${version} became ${offer.version}.`);
  return true;
}

async function listUpdates(access: MarketAccess): Promise<Updates[]> {
  const asked = { schema: listSchema, what: "list the updates of your plugins" };
  return (await ask(access, "/api/plugins/updates", asked)).plugins;
}

async function setMode(flags: PluginFlags, name: string | undefined, updates: string): Promise<Updates> {
  const path = `${pathOf(name)}/updates`;
  const asked = { method: "PATCH", body: { updates }, schema: updatesSchema, what: "change its updates" } as const;
  return await ask(await edgeAccess(flags), path, asked);
}
