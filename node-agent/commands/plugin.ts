import { PorchlightError } from "../../shared/errors.ts";
import { CommandError } from "./command-error.ts";

export interface PluginFlags {
  json: boolean;
  yes: boolean;
  force: boolean;
  official: boolean;
  data?: string;
  /** An edge elsewhere; absent: the one that runs here. */
  origin?: string;
  out?: string;
  /** Name of a publisher's key. */
  key?: string;
}

interface Word {
  takes: string;
  most: number;
  run: (flags: PluginFlags, rest: string[]) => Promise<number>;
}

const writing = {
  new: {
    takes: "a name, such as @ada/weather",
    most: 1,
    run: async (...of) => await (await import("./plugin-new.ts")).newPlugin(...of),
  },
  "import-skill": {
    takes: "a folder and a name",
    most: 2,
    run: async (...of) => await (await import("./plugin-import-skill.ts")).importSkill(...of),
  },
  dev: { takes: "a folder", most: 1, run: async (_, rest) => await (await import("./plugin-dev.ts")).devPlugin(rest) },
  test: {
    takes: "a folder",
    most: 1,
    run: async (_, rest) => await (await import("./plugin-dev.ts")).testPlugin(rest),
  },
  pack: {
    takes: "a folder",
    most: 1,
    run: async (...of) => await (await import("./plugin-pack.ts")).packPlugin(...of),
  },
  keys: {
    takes: "a name",
    most: 1,
    run: async (...of) => await (await import("./plugin-sign.ts")).publisherKeys(...of),
  },
  sign: {
    takes: "a package",
    most: 1,
    run: async (...of) => await (await import("./plugin-sign.ts")).signPlugin(...of),
  },
  publish: {
    takes: "a package",
    most: 1,
    run: async (...of) => await (await import("./plugin-sign.ts")).publish(...of),
  },
} satisfies Record<string, Word>;

const using = {
  buy: {
    takes: "a plugin of the market",
    most: 1,
    run: async (...of) => await (await import("./plugin-buy.ts")).buyPlugin(...of),
  },
  install: {
    takes: "a package or a name",
    most: 1,
    run: async (...of) => await (await import("./plugin-install.ts")).installPlugin(...of),
  },
  list: {
    takes: "nothing more",
    most: 0,
    run: async (flags) => await (await import("./plugin-install.ts")).listPlugins(flags),
  },
  call: {
    takes: "a plugin, a tool and its input",
    most: 3,
    run: async (...of) => await (await import("./plugin-install.ts")).callPlugin(...of),
  },
  secret: {
    takes: "a plugin and a secret's name",
    most: 2,
    run: async (...of) => await (await import("./plugin-install.ts")).setSecret(...of),
  },
  update: {
    takes: "a plugin, or nothing for all",
    most: 1,
    run: async (...of) => await (await import("./plugin-update.ts")).updatePlugins(...of),
  },
  pin: {
    takes: "a plugin",
    most: 1,
    run: async (...of) => await (await import("./plugin-update.ts")).pinPlugin(...of),
  },
  unpin: {
    takes: "a plugin",
    most: 1,
    run: async (...of) => await (await import("./plugin-update.ts")).unpinPlugin(...of),
  },
  rollback: {
    takes: "a plugin and a version",
    most: 2,
    run: async (...of) => await (await import("./plugin-update.ts")).rollbackPlugin(...of),
  },
  remove: {
    takes: "a plugin",
    most: 1,
    run: async (...of) => await (await import("./plugin-install.ts")).removePlugin(...of),
  },
} satisfies Record<string, Word>;

const WORDS: Readonly<Record<string, Word>> = { ...writing, ...using };

/** `porchlight plugin`: for those who write plugins, and those who use them. */
export async function plugin(flags: PluginFlags, [word, ...rest]: string[]): Promise<number> {
  const known = word === undefined || !Object.hasOwn(WORDS, word) ? undefined : WORDS[word];
  if (known === undefined) {
    throw new CommandError("bad_usage", `'porchlight plugin' takes ${Object.keys(WORDS).join(", ")}. See --help.`);
  }
  if (rest.length > known.most)
    throw new CommandError("bad_usage", `'porchlight plugin ${word}' takes ${known.takes}.`);
  try {
    return await known.run(flags, rest);
  } catch (error) {
    // What is wrong with a plugin is its developer's to mend: a sentence, no stack.
    if (error instanceof PorchlightError) throw new CommandError("request_failed", error.message, { cause: error });
    throw error;
  }
}
