import { PorchlightError } from "../../shared/errors.ts";
import { dataFolder } from "../data-folder.ts";
import { CommandError } from "./command-error.ts";
import { listModels } from "./models-list.ts";
import { pullModelNamed } from "./models-pull.ts";
import { removeModelNamed } from "./models-rm.ts";
import { showModel } from "./models-show.ts";
import { suggest } from "./models-suggest.ts";
import { verifyModelNamed } from "./models-verify.ts";

export interface ModelsFlags {
  json: boolean;
  yes: boolean;
  link: boolean;
  force: boolean;
  data?: string;
  as?: string;
}

/** What each subcommand gets: the flags, where models are, and the model that was named ("" where none is taken). */
export interface ModelsContext {
  flags: ModelsFlags;
  modelsDir: string;
  model: string;
}

const SUBCOMMANDS = {
  pull: { takesModel: true, run: pullModelNamed },
  list: { takesModel: false, run: listModels },
  show: { takesModel: true, run: showModel },
  rm: { takesModel: true, run: removeModelNamed },
  verify: { takesModel: true, run: verifyModelNamed },
  suggest: { takesModel: false, run: suggest },
} as const satisfies Record<string, { takesModel: boolean; run(context: ModelsContext): Promise<number> }>;

/** `porchlight models`: gets, lists, checks and removes models. */
export async function models(flags: ModelsFlags, [word = "list", ...rest]: string[]): Promise<number> {
  if (!Object.hasOwn(SUBCOMMANDS, word)) {
    throw new CommandError(
      "bad_usage",
      `'porchlight models' takes ${Object.keys(SUBCOMMANDS).join(", ")}, not "${word}".`,
    );
  }
  const { takesModel, run } = SUBCOMMANDS[word as keyof typeof SUBCOMMANDS]; // an own key
  if (rest.length !== (takesModel ? 1 : 0)) {
    throw new CommandError(
      "bad_usage",
      `'porchlight models ${word}' takes ${takesModel ? "one model" : "nothing more"}.`,
    );
  }
  try {
    return await run({ flags, modelsDir: dataFolder(flags.data).models, model: rest[0] ?? "" });
  } catch (error) {
    if (error instanceof PorchlightError && error.code !== "internal") {
      throw new CommandError(error.code === "invalid_request" ? "bad_usage" : "request_failed", error.message, {
        cause: error,
      });
    }
    throw error;
  }
}
