import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { text as readAll } from "node:stream/consumers";
import { z } from "zod";
import { readPluginName } from "../../shared/plugin/name.ts";
import { permissionsSchema } from "../../shared/plugin/manifest.ts";
import { permissionWords } from "../../shared/plugin/permission-words.ts";
import { fetchPackage } from "../market/fetch-package.ts";
import { askMarket as ask } from "../market/market-api.ts";
import { CommandError } from "./command-error.ts";
import { edgeAccess } from "./edge-access.ts";
import type { PluginFlags } from "./plugin.ts";
import { printable, say, styled } from "./terminal.ts";

const toolSchema = z.object({ name: z.string(), description: z.string(), effect: z.enum(["read", "write"]) });
const inspectedSchema = z.object({
  name: z.string(),
  version: z.string(),
  hash: z.string(),
  description: z.object({ en: z.string() }),
  signer: z.string().nullable(),
  tools: z.array(toolSchema),
  /** None at an edge from before there were any. */
  parts: z.array(z.object({ part: z.string(), every: z.string().optional() })).default([]),
  asks: permissionsSchema,
  installed: z.object({ version: z.string(), signer: z.string().nullable() }).nullable(),
  asksMore: z.array(z.object({ permission: z.string(), added: z.array(z.string()) })),
});
type Inspected = z.infer<typeof inspectedSchema>;
const installedSchema = z.object({
  name: z.string(),
  version: z.string(),
  enabled: z.boolean(),
  tools: z.array(toolSchema),
  permissions: permissionsSchema,
  secretsSet: z.array(z.string()),
});
const outcomeSchema = z.object({
  ok: z.boolean(),
  value: z.unknown().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
const nothing = z.unknown();

/** `porchlight plugin install FILE | @publisher/name`: says what it asks for, and installs it once you have agreed. */
export async function installPlugin(flags: PluginFlags, [what]: string[]): Promise<number> {
  if (what === undefined)
    throw new CommandError("bad_usage", "Name a package or a plugin of the market: porchlight plugin install FILE");
  const access = await edgeAccess(flags);
  const bytes = what.startsWith("@")
    ? await fetchPackage(access, what)
    : await readFile(what).catch((cause: unknown) => {
        throw new CommandError(
          "bad_usage",
          `${what} cannot be read. Name a package, or a plugin such as @porchlight/csv.`,
          { cause },
        );
      });
  const body = new Uint8Array(bytes);
  const asked = { method: "POST", body, schema: inspectedSchema, what: "look at this plugin" } as const;
  const plugin = await ask(access, "/api/plugins/inspect", asked);
  tell(plugin);
  const newSigner = plugin.installed !== null && plugin.installed.signer !== plugin.signer;
  if (newSigner)
    say(
      styled(
        "yellow",
        "! Another key has signed it than the version that you have. Be sure that it is from the same people.",
      ),
    );
  if (
    !flags.yes &&
    !(await agreed(
      plugin.installed === null ? "Install it with these permissions?" : "Update it with these permissions?",
    ))
  ) {
    say("Nothing was installed.");
    return 1;
  }
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const consent = {
    hash: plugin.hash,
    permissions: plugin.asks,
    newSigner,
    // For its times.
    ...(plugin.asks.schedule === true ? { timeZone } : {}),
  };
  await ask(access, "/api/plugins", { method: "POST", body: consent, schema: nothing, what: "install this plugin" });
  say(`${styled("green", "✓")} ${plugin.name} ${plugin.version} is installed.`);
  const [first] = plugin.tools;
  if (first !== undefined) say(`Try it:  porchlight plugin call ${plugin.name} ${first.name} '{}'`);
  for (const secret of plugin.asks.secrets) say(`It needs:  porchlight plugin secret ${plugin.name} ${secret}`);
  return 0;
}

/** `porchlight plugin list`. */
export async function listPlugins(flags: PluginFlags): Promise<number> {
  const schema = z.object({ plugins: z.array(installedSchema) });
  const { plugins } = await ask(await edgeAccess(flags), "/api/plugins", { schema, what: "list your plugins" });
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(plugins)}\n`);
    return 0;
  }
  if (plugins.length === 0) say("You have no plugins yet: porchlight plugin install FILE");
  for (const { name, version, enabled, tools } of plugins) {
    process.stdout.write(
      `${name} ${version}${enabled ? "" : " (off)"}: ${tools.map((tool) => tool.name).join(", ")}\n`,
    );
  }
  return 0;
}

/** `porchlight plugin call @publisher/name TOOL [JSON]`: the result goes to standard output. Returns 1 where the plugin failed. */
export async function callPlugin(flags: PluginFlags, [name, tool, input = "{}"]: string[]): Promise<number> {
  if (tool === undefined)
    throw new CommandError(
      "bad_usage",
      'Name a plugin and a tool: porchlight plugin call @ada/weather greet \'{"name":"Ada"}\'',
    );
  const body = { tool, input: parseInput(input) };
  const path = `${pathOf(name)}/call`;
  const asked = { method: "POST", body, schema: outcomeSchema, what: "call this plugin" } as const;
  const outcome = await ask(await edgeAccess(flags), path, asked);
  if (!outcome.ok) throw new CommandError("request_failed", printable(outcome.error?.message ?? "The plugin failed."));
  process.stdout.write(`${printable(JSON.stringify(outcome.value, null, 2))}\n`);
  return 0;
}

/** `porchlight plugin remove @publisher/name`: with its values and secrets. */
export async function removePlugin(flags: PluginFlags, [name]: string[]): Promise<number> {
  const path = pathOf(name);
  const access = await edgeAccess(flags);
  if (!flags.yes && !(await agreed(`Remove ${name} with all that it kept?`))) return 1;
  await ask(access, path, { method: "DELETE", schema: nothing, what: "remove this plugin" });
  say(`${styled("green", "✓")} ${name} is gone, with its values and secrets.`);
  return 0;
}

/** `porchlight plugin secret @publisher/name NAME`: read from standard input, so that no history has it. */
export async function setSecret(flags: PluginFlags, [name, secret]: string[]): Promise<number> {
  if (secret === undefined)
    throw new CommandError("bad_usage", "Name a plugin and a secret: porchlight plugin secret @ada/weather API_KEY");
  const path = `${pathOf(name)}/secrets/${encodeURIComponent(secret)}`;
  const access = await edgeAccess(flags);
  if (process.stdin.isTTY) say(`Type the value of ${secret}, then Enter and Ctrl-D:`);
  const value = (await readAll(process.stdin)).trim();
  await ask(access, path, { method: "PUT", body: { value }, schema: nothing, what: "keep this secret" });
  say(`${styled("green", "✓")} ${name} may use ${secret}.`);
  return 0;
}

/** What it has beside tools, for whoever is to agree to it. */
const PARTS: Readonly<Record<string, string>> = {
  webhook: "takes what others send to an address that you make for it",
  beforeTurn: "adds to what you ask",
  afterTurn: "is told what was answered",
  knowledge: "is searched before answers, where you set that",
  schedule: "runs by itself",
};

function tell({ name, version, description, signer, tools, parts, asks, installed, asksMore }: Inspected): void {
  say(`${styled("bold", `${name} ${version}`)}${installed === null ? "" : ` (you have ${installed.version})`}`);
  say(printable(description.en));
  if (tools.length > 0)
    say(`Tools: ${tools.map((tool) => (tool.effect === "write" ? `${tool.name} (writes)` : tool.name)).join(", ")}`);
  for (const { part, every } of parts)
    say(`It ${PARTS[part] ?? part}${every === undefined ? "" : ` (${printable(every)})`}.`);
  say(signer === null ? styled("yellow", "! Nobody has signed it.") : `Signed by ${signer}`);
  say("It asks to:");
  for (const { risk, text } of permissionWords(asks, "en"))
    say(`  ${risk === "high" ? styled("yellow", "!") : "·"} ${printable(text)}`);
  const more = asksMore.filter(({ added }) => added.length > 0);
  if (installed !== null && more.length > 0) {
    say(
      styled(
        "yellow",
        `! More than before: ${more.map(({ permission, added }) => `${permission} (${added.join(", ")})`).join("; ")}`,
      ),
    );
  }
}

export async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CommandError("bad_usage", "Nobody is here to agree: say --yes if you do.");
  const line = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await line.question(`${question} [y/N] `)).trim());
  } finally {
    line.close();
  }
}

export function pathOf(name: string | undefined): string {
  const named = readPluginName(name ?? "");
  if (named === undefined) {
    throw new CommandError(
      "bad_usage",
      "Name a plugin by its whole name, such as @ada/weather. 'porchlight plugin list' has yours.",
    );
  }
  return `/api/plugins/${named.publisher}/${named.name}`;
}

function parseInput(text: string): Record<string, unknown> {
  const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new CommandError("bad_usage", 'The input is a JSON object, such as \'{"name":"Ada"}\'.');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Said by the schema.
  }
}
