import { PorchlightError } from "../../shared/errors.ts";
import { dataFolder } from "../data-folder.ts";
import { CommandError } from "./command-error.ts";
import { evaluateModel } from "./models-eval.ts";
import { listModels } from "./models-list.ts";
import { pinModel, unpinModel } from "./models-pin.ts";
import { pullModelNamed } from "./models-pull.ts";
import { quantizeModelNamed } from "./models-quantize.ts";
import { removeModelNamed } from "./models-rm.ts";
import { rollBackModel } from "./models-rollback.ts";
import { showModel } from "./models-show.ts";
import { suggest } from "./models-suggest.ts";
import { verifyModelNamed } from "./models-verify.ts";

export interface ModelsFlags {
  json: boolean;
  yes: boolean;
  link: boolean;
  force: boolean;
  versions: boolean;
  data?: string;
  as?: string;
  weights?: string;
  block?: string;
  embedding?: string;
  "output-layer"?: string;
  recipe?: string;
  method?: string;
  calibration?: string;
  text?: string;
}

/** What each subcommand gets: the flags, where things are, the model that was named ("" where none is taken), and its version. */
export interface ModelsContext {
  flags: ModelsFlags;
  modelsDir: string;
  compiledDir: string;
  model: string;
  version: string | undefined;
}

const SUBCOMMANDS = {
  pull: { takesModel: true, run: pullModelNamed },
  list: { takesModel: false, run: listModels },
  show: { takesModel: true, run: showModel },
  rm: { takesModel: true, takesVersion: true, run: removeModelNamed },
  verify: { takesModel: true, run: verifyModelNamed },
  pin: { takesModel: true, takesVersion: true, run: pinModel },
  unpin: { takesModel: true, run: unpinModel },
  rollback: { takesModel: true, takesVersion: true, run: rollBackModel },
  suggest: { takesModel: false, run: suggest },
  quantize: { takesModel: true, run: quantizeModelNamed },
  eval: { takesModel: true, run: evaluateModel },
} as const satisfies Record<string, Subcommand>;

interface Subcommand {
  takesModel: boolean;
  /** One of the model's versions may follow it. */
  takesVersion?: boolean;
  run(context: ModelsContext): Promise<number>;
}

/** `porchlight models`: gets, lists, checks and removes models and their versions. */
export async function models(flags: ModelsFlags, [word = "list", ...rest]: string[]): Promise<number> {
  if (!Object.hasOwn(SUBCOMMANDS, word)) {
    throw new CommandError(
      "bad_usage",
      `'porchlight models' takes ${Object.keys(SUBCOMMANDS).join(", ")}, not "${word}".`,
    );
  }
  const { takesModel, takesVersion, ...subcommand }: Subcommand = SUBCOMMANDS[word as keyof typeof SUBCOMMANDS]; // an own key
  const least = takesModel ? 1 : 0;
  if (rest.length < least || rest.length > least + (takesVersion ? 1 : 0)) {
    const what = takesModel ? `one model${takesVersion ? ", and one of its versions" : ""}` : "nothing more";
    throw new CommandError("bad_usage", `'porchlight models ${word}' takes ${what}.`);
  }
  try {
    const { models: modelsDir, compiled: compiledDir } = dataFolder(flags.data);
    return await subcommand.run({ flags, modelsDir, compiledDir, model: rest[0] ?? "", version: rest[1] });
  } catch (error) {
    if (error instanceof PorchlightError && error.code !== "internal") {
      throw new CommandError(error.code === "invalid_request" ? "bad_usage" : "request_failed", error.message, {
        cause: error,
      });
    }
    throw error;
  }
}
