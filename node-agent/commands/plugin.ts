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

/** What each word takes, and what does it. */
const WORDS: Readonly<
  Record<string, { takes: string; most: number; run: (flags: PluginFlags, rest: string[]) => Promise<number> }>
> = {
  new: {
    takes: "a name, such as @ada/weather",
    most: 1,
    run: async (flags, rest) => await (await import("./plugin-new.ts")).newPlugin(flags, rest),
  },
  dev: {
    takes: "a folder",
    most: 1,
    run: async (_flags, rest) => await (await import("./plugin-dev.ts")).devPlugin(rest),
  },
  test: {
    takes: "a folder",
    most: 1,
    run: async (_flags, rest) => await (await import("./plugin-dev.ts")).testPlugin(rest),
  },
  pack: {
    takes: "a folder",
    most: 1,
    run: async (flags, rest) => await (await import("./plugin-pack.ts")).packPlugin(flags, rest),
  },
  keys: {
    takes: "a name",
    most: 1,
    run: async (flags, rest) => await (await import("./plugin-sign.ts")).publisherKeys(flags, rest),
  },
  sign: {
    takes: "a package",
    most: 1,
    run: async (flags, rest) => await (await import("./plugin-sign.ts")).signPlugin(flags, rest),
  },
  publish: {
    takes: "a package",
    most: 1,
    run: async (flags, rest) => await (await import("./plugin-sign.ts")).publish(flags, rest),
  },
};

/** `porchlight plugin`: what its developers need. */
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
