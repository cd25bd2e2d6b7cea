import { resolve } from "node:path";
import { quantizationSchema } from "../../shared/inference/model.ts";
import { providerChoiceSchema } from "../runtime/providers.ts";
import { MAX_THREADS } from "../agent/messages.ts";
import type { RunSettings } from "../agent/run-settings.ts";
import { APP_NAMES } from "./app-settings.ts";
import { CommandError } from "./command-error.ts";
import { byteSize, count, duration, oneOf } from "./flag-values.ts";
import { SETTING_NAMES } from "./setting-names.ts";

/** Every flag of every command: one meaning each. */
export const FLAGS = {
  port: { type: "string" },
  "local-port": { type: "string" },
  data: { type: "string" },
  model: { type: "string" },
  quantization: { type: "string" },
  provider: { type: "string" },
  memory: { type: "string" },
  context: { type: "string" },
  "keep-alive": { type: "string" },
  "kv-disk": { type: "string" },
  draft: { type: "string" },
  threads: { type: "string" },
  ask: { type: "string" },
  as: { type: "string" },
  weights: { type: "string" },
  block: { type: "string" },
  embedding: { type: "string" },
  "output-layer": { type: "string" },
  recipe: { type: "string" },
  method: { type: "string" },
  calibration: { type: "string" },
  text: { type: "string" },
  host: { type: "string" },
  origin: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
  "trusted-proxy": { type: "string" },
  "http-port": { type: "string" },
  "give-up-after": { type: "string" },
  "passphrase-file": { type: "string" },
  out: { type: "string" },
  "dry-run": { type: "boolean" },
  link: { type: "boolean" },
  force: { type: "boolean" },
  "canary-every": { type: "string" },
  pull: { type: "boolean" },
  unattended: { type: "boolean" },
  wait: { type: "boolean" },
  versions: { type: "boolean" },
  yes: { type: "boolean", short: "y" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

export type Flags = {
  [Name in keyof typeof FLAGS]?: (typeof FLAGS)[Name]["type"] extends "boolean" ? boolean : string;
};

/** Flags of commands that run an agent. */
const AGENT = [
  "local-port",
  "data",
  "model",
  "quantization",
  "provider",
  "memory",
  "context",
  "keep-alive",
  "kv-disk",
  "draft",
  "threads",
  "canary-every",
] as const;
/** Flags of `edge`, which a service of it has, too. */
const EDGE = ["port", "host", "origin", "cert", "key", "trusted-proxy", "http-port", "give-up-after"] as const;
/** Flags of `models quantize` and `models eval`. */
const TUNING = ["weights", "block", "embedding", "output-layer", "method", "recipe", "calibration", "text"] as const;

/** Some four minutes of trying, each time a little later: what lasts longer, somebody has to see. */
const EDGE_GIVES_UP_AFTER = 20;

interface Command {
  /** One line of `--help`. */
  summary: string;
  usage: string;
  flags: readonly (keyof typeof FLAGS)[];
  run(flags: Flags, rest: string[]): Promise<number>;
}

/** Commands load their code when they run: `--help` and a mistyped flag answer at once. */
export const COMMANDS = {
  up: {
    summary: "start the edge and the agent on this machine and pair them",
    usage: "porchlight up [--port 8787] [--ask TEXT] [--unattended]",
    flags: ["port", ...AGENT, "ask", "unattended"],
    run: async (flags, rest) => {
      takesNothing("up", rest);
      const { up } = await import("./up.ts");
      return await up({
        ...agentFlags(flags),
        port: port(flags, "port", 8787),
        unattended: flags.unattended ?? false,
        ...optional("ask", nonEmpty(flags.ask, "--ask")),
      });
    },
  },
  connect: {
    summary: "pair this machine with an edge elsewhere, or go on serving the one it is paired with",
    usage: "porchlight connect [https://EDGE | https://EDGE/j/CODE] [--pull]",
    flags: [...AGENT, "pull"],
    run: async (flags, rest) => {
      if (rest.length > 1) throw new CommandError("bad_usage", "'porchlight connect' takes one address.");
      const { connect } = await import("./connect.ts");
      return await connect({ ...agentFlags(flags), pull: flags.pull ?? false, ...optional("url", rest[0]) });
    },
  },
  edge: {
    summary: "run the public door on a machine of one's own; back it up, restore it, deploy it",
    usage:
      "porchlight edge [--origin https://HOST] [--cert FILE --key FILE [--http-port 80]] [--trusted-proxy ADDRESS]\n" +
      "porchlight edge backup FILE | restore FILE [--force] [--passphrase-file FILE]\n" +
      "porchlight edge deploy [--origin https://HOST] [--dry-run]",
    flags: ["data", ...EDGE, "unattended", "force", "passphrase-file", "dry-run"],
    run: async (flags, rest) => {
      const { edge } = await import("./edge.ts");
      return await edge(edgeFlags(flags), rest);
    },
  },
  status: {
    summary: "say which edge this machine serves, whether it is online, and how it stands",
    usage: "porchlight status [--json]",
    flags: ["data", "json"],
    run: async (flags, rest) => {
      takesNothing("status", rest);
      const { status } = await import("./status.ts");
      return await status({ json: flags.json ?? false, ...optional("data", nonEmpty(flags.data, "--data")) });
    },
  },
  drain: {
    summary: "take this machine out of service: it finishes what it is at and gets no new work",
    usage: "porchlight drain [--wait]",
    flags: ["data", "wait"],
    run: async (flags, rest) => {
      takesNothing("drain", rest);
      const { drain } = await import("./drain.ts");
      return await drain({ wait: flags.wait ?? false, ...optional("data", nonEmpty(flags.data, "--data")) });
    },
  },
  undrain: {
    summary: "bring this machine back into service",
    usage: "porchlight undrain",
    flags: ["data"],
    run: async (flags, rest) => {
      takesNothing("undrain", rest);
      const { undrain } = await import("./drain.ts");
      return await undrain(optional("data", nonEmpty(flags.data, "--data")));
    },
  },
  wake: {
    summary: "let your other machines wake this one when work waits for it, or wake one now",
    usage: "porchlight wake [on | off | ADDRESS]",
    flags: ["data"],
    run: async (flags, rest) => {
      if (rest.length > 1) throw new CommandError("bad_usage", "'porchlight wake' takes one address.");
      const { wake } = await import("./wake.ts");
      return await wake(optional("data", nonEmpty(flags.data, "--data")), rest[0]);
    },
  },
  set: {
    summary: "change how models are run, without a restart; without a name, say what is chosen",
    usage: `porchlight set [${SETTING_NAMES.join(" | ")}] [VALUE | default]`,
    flags: ["data", "json"],
    run: async (flags, rest) => {
      const { set } = await import("./set.ts");
      const json = flags.json ?? false;
      return await set({
        json,
        ...optional("data", nonEmpty(flags.data, "--data")),
        ...optional("change", setting(rest)),
      });
    },
  },
  "connect-app": {
    summary: "print what to paste into an app so that it asks your models",
    usage: `porchlight connect-app ${APP_NAMES.join(" | ")} [--model NAME] [--origin https://EDGE]`,
    flags: ["data", "origin", "model"],
    run: async (flags, rest) => {
      const app = APP_NAMES.find((name) => name === rest[0]);
      if (app === undefined || rest.length > 1) {
        throw new CommandError("bad_usage", `Name one app: ${APP_NAMES.join(", ")}.`);
      }
      const { connectApp } = await import("./connect-app.ts");
      return await connectApp({ app, ...given(flags, "data", "origin", "model") });
    },
  },
  sessions: {
    summary: "bring conversations in from export files of OpenAI or Claude; take all of yours out",
    usage: "porchlight sessions import FILE\nporchlight sessions export [--out FILE]",
    flags: ["data", "origin", "out", "force", "json"],
    run: async (flags, rest) => {
      const { sessions } = await import("./sessions.ts");
      const { json = false, force = false } = flags;
      return await sessions({ json, force, ...given(flags, "data", "origin", "out") }, rest);
    },
  },
  disconnect: {
    summary: "leave the edge that this machine is paired with, and forget the pairing",
    usage: "porchlight disconnect",
    flags: ["data"],
    run: async (flags, rest) => {
      takesNothing("disconnect", rest);
      const { disconnect } = await import("./disconnect.ts");
      return await disconnect(optional("data", nonEmpty(flags.data, "--data")));
    },
  },
  service: {
    summary: "run in the background from login on, and see how that goes",
    usage: "porchlight service [install | uninstall | status | logs] [edge [--origin https://HOST ...]]",
    flags: ["data", ...EDGE],
    run: async (flags, rest) => {
      const { service } = await import("./service.ts");
      const edge = { address: edgeFlags(flags), words: edgeWords(flags) };
      return await service({ edge, ...optional("data", nonEmpty(flags.data, "--data")) }, rest);
    },
  },
  doctor: {
    summary: "say what is found on this machine, what is missing, and what to do",
    usage: "porchlight doctor [--json]",
    flags: ["data", "model", "provider", "json"],
    run: async (flags, rest) => {
      takesNothing("doctor", rest);
      const { doctor } = await import("./doctor.ts");
      return await doctor({
        json: flags.json ?? false,
        ...optional("data", flags.data),
        ...optional("model", wantedModel(flags)),
        ...optional("provider", oneOf("provider", flags.provider, providerChoiceSchema.options)),
      });
    },
  },
  models: {
    summary: "get, list, check and remove models",
    usage:
      "porchlight models [list [--versions] | suggest | pull MODEL | show NAME | verify NAME | rm NAME [--version V] | pin NAME [V] | unpin NAME | rollback NAME [V] | quantize MODEL --as NAME | eval MODEL]",
    flags: ["data", "as", "link", "force", "versions", "yes", "json", ...TUNING],
    run: async (flags, rest) => {
      const { models } = await import("./models.ts");
      const { json = false, yes = false, link = false, force = false, versions = false } = flags;
      return await models(
        {
          json,
          yes,
          link,
          force,
          versions,
          ...optional("data", nonEmpty(flags.data, "--data")),
          ...optional("as", flags.as),
          ...Object.assign({}, ...TUNING.map((flag) => optional(flag, nonEmpty(flags[flag], `--${flag}`)))),
        },
        rest,
      );
    },
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

/** The flags of an edge as words again, for a service; files by their full paths, since a service runs elsewhere. */
function edgeWords(flags: Flags): string[] {
  return EDGE.flatMap((name) => {
    const value = flags[name];
    if (value === undefined) return [];
    return [`--${name}`, name === "cert" || name === "key" ? resolve(value) : value];
  });
}

function edgeFlags(flags: Flags) {
  const { force = false, unattended = false, "dry-run": dryRun = false } = flags;
  return {
    unattended,
    port: port(flags, "port", 8787),
    force,
    dryRun,
    giveUpAfter: count("give-up-after", flags["give-up-after"]) ?? EDGE_GIVES_UP_AFTER,
    ...given(flags, "data", "host", "origin", "cert", "key"),
    ...(flags["http-port"] === undefined ? {} : { httpPort: port(flags, "http-port", 80) }),
    ...optional("trustedProxy", nonEmpty(flags["trusted-proxy"], "--trusted-proxy")),
    ...optional("passphraseFile", nonEmpty(flags["passphrase-file"], "--passphrase-file")),
  };
}

/** The words behind `set`. */
function setting([word, value, ...more]: string[]) {
  if (word === undefined) return undefined;
  const name = SETTING_NAMES.find((known) => known === word);
  if (name === undefined)
    throw new CommandError(
      "bad_usage",
      `There is no setting "${word.slice(0, 80)}". There are: ${SETTING_NAMES.join(", ")}.`,
    );
  if (value === undefined || more.length > 0)
    throw new CommandError("bad_usage", `'porchlight set ${word}' takes one value, or 'default'.`);
  return { name, value: value === "default" ? undefined : runSettings({ [name]: value }) };
}

function agentFlags(flags: Flags) {
  return {
    localPort: port(flags, "local-port", 8788),
    ...optional("data", nonEmpty(flags.data, "--data")),
    settings: {
      ...runSettings(flags),
      model: wantedModel(flags),
      canaryEveryMs: duration("canary-every", flags["canary-every"]),
    },
  };
}

function runSettings(flags: Flags): RunSettings {
  const quantization = quantizationSchema.optional().safeParse(flags.quantization);
  if (!quantization.success) {
    throw new CommandError(
      "bad_usage",
      `--quantization is one of ${quantizationSchema.options.join(", ")}, not "${flags.quantization}".`,
    );
  }
  return {
    model: nonEmpty(flags.model, "--model"),
    quantization: quantization.data,
    provider: oneOf("provider", flags.provider, providerChoiceSchema.options),
    memoryBytes: byteSize("memory", flags.memory),
    contextLength: count("context", flags.context),
    keepAliveMs: duration("keep-alive", flags["keep-alive"]),
    kvDiskBytes: byteSize("kv-disk", flags["kv-disk"]),
    draft: nonEmpty(flags.draft, "--draft"),
    threads: count("threads", flags.threads, MAX_THREADS),
  };
}

function wantedModel(flags: Flags): string | undefined {
  return nonEmpty(flags.model, "--model") ?? (process.env.PORCHLIGHT_MODEL || undefined);
}

function port(flags: Flags, name: "port" | "local-port" | "http-port", otherwise: number): number {
  const text = flags[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw new CommandError("bad_usage", `--${name} takes a port from 1 to 65535, not "${text}".`);
}

function nonEmpty(text: string | undefined, flag: string): string | undefined {
  if (text !== undefined && text.trim() === "")
    throw new CommandError("bad_usage", `${flag} takes a value that is not empty.`);
  return text;
}

function takesNothing(command: string, rest: string[]): void {
  if (rest.length > 0)
    throw new CommandError(
      "bad_usage",
      `'porchlight ${command}' takes no "${rest[0]}". See 'porchlight ${command} --help'.`,
    );
}

type TextFlag = { [Name in keyof Flags]-?: Flags[Name] extends string | undefined ? Name : never }[keyof Flags];

/** Those of these flags that were given. Throws `bad_usage` for an empty one. */
function given<Name extends TextFlag>(flags: Flags, ...names: Name[]): { [K in Name]?: string } {
  const texts: { [K in TextFlag]?: string } = flags;
  const parts = names.map((name) => optional(name, nonEmpty(texts[name], `--${name}`)));
  return Object.assign({}, ...parts) as { [K in Name]?: string }; // a part for each name
}

/** `{[key]: value}`, or nothing for undefined: exact optional properties have no undefined. */
function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value }); // a computed key widens to string
}
