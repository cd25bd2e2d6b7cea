import { providerChoiceSchema } from "../runtime/providers.ts";
import { AGENT, agentFlags, setting, wantedModel } from "./agent-flags.ts";
import { APP_NAMES } from "./app-settings.ts";
import { CommandError } from "./command-error.ts";
import { EDGE, edgeFlags, edgeWords } from "./edge-flags.ts";
import { oneOf } from "./flag-values.ts";
import { type FLAGS, type Flags, given, nonEmpty, optional, port, takesNothing } from "./flags.ts";
import { SETTING_NAMES } from "./setting-names.ts";

/** Flags of `models quantize` and `models eval`. */
const TUNING = ["weights", "block", "embedding", "output-layer", "method", "recipe", "calibration", "text"] as const;

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
  backup: {
    summary: "seal your conversations for the backup, with a key that only your machines have",
    usage: "porchlight backup [status | on | key [--phrase-file FILE]]",
    flags: ["data", "phrase-file", "json"],
    run: async (flags, rest) => {
      const { backup } = await import("./backup.ts");
      return await backup({ json: flags.json ?? false, ...given(flags, "data", "phrase-file") }, rest);
    },
  },
  restore: {
    summary: "take your conversations back from the backup, with the recovery phrase",
    usage: "porchlight restore [https://EDGE/j/CODE] [--phrase-file FILE]",
    flags: ["data", "phrase-file", "json"],
    run: async (flags, rest) => {
      if (rest.length > 1) throw new CommandError("bad_usage", "'porchlight restore' takes one pairing link.");
      const { restoreConversations } = await import("./restore.ts");
      const url = optional("url", rest[0]);
      return await restoreConversations({ json: flags.json ?? false, ...url, ...given(flags, "data", "phrase-file") });
    },
  },
  market: {
    summary: "make your edge a market of plugins, sign its root anew, and see how it stands",
    usage: "porchlight market [status | init | renew | seed] [--root-key FILE] [--origin https://EDGE]",
    flags: ["data", "origin", "root-key", "json"],
    run: async (flags, rest) => {
      const { market } = await import("./market.ts");
      return await market({ json: flags.json ?? false, ...given(flags, "data", "origin", "root-key") }, rest);
    },
  },
  plugin: {
    summary: "install and call plugins; write, try, pack, sign and publish your own",
    usage:
      "porchlight plugin install FILE | @WHO/NAME [--yes] | buy @WHO/NAME | list | call @WHO/NAME TOOL [JSON]\n" +
      "porchlight plugin update [@WHO/NAME] [--yes] | pin @WHO/NAME | unpin @WHO/NAME | rollback @WHO/NAME [VERSION]\n" +
      "porchlight plugin secret @WHO/NAME SECRET | remove @WHO/NAME [--yes]\n" +
      "porchlight plugin import-skill FOLDER [@ME/NAME] [--out FOLDER]\n" +
      "porchlight plugin new @ME/NAME [--out FOLDER] | dev [FOLDER] | test [FOLDER]\n" +
      "porchlight plugin pack [FOLDER] [--out FILE] | keys [NAME] | sign FILE [--key NAME]\n" +
      "porchlight plugin publish FILE [--origin https://EDGE] [--official]",
    flags: ["data", "origin", "out", "key", "official", "yes", "force", "json"],
    run: async (flags, rest) => {
      const { plugin } = await import("./plugin.ts");
      const { json = false, yes = false, force = false, official = false } = flags;
      return await plugin({ json, yes, force, official, ...given(flags, "data", "origin", "out", "key") }, rest);
    },
  },
  mcp: {
    summary: "let your models use servers of MCP: commands on this machine, or addresses",
    usage:
      "porchlight mcp add NAME -- COMMAND ARGUMENTS | add NAME https://SERVER/mcp [--yes]\n" +
      "porchlight mcp mount NAME [https://SERVER/mcp] [--yes] | list | remove NAME",
    flags: ["data", "origin", "yes", "json"],
    run: async (flags, rest) => {
      const { mcp } = await import("./mcp.ts");
      const { json = false, yes = false } = flags;
      return await mcp({ json, yes, ...given(flags, "data", "origin") }, rest);
    },
  },
  hook: {
    summary: "make addresses that other services send to: into a plugin, or a conversation",
    usage:
      "porchlight hook add NAME @publisher/plugin | chat | SESSION [github] [--json]\n" +
      "porchlight hook list | log NAME | rotate NAME | remove NAME [--yes]",
    flags: ["data", "origin", "yes", "json"],
    run: async (flags, rest) => {
      const { hook } = await import("./hook.ts");
      const { json = false, yes = false } = flags;
      return await hook({ json, yes, ...given(flags, "data", "origin") }, rest);
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
