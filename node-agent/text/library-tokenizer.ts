import { Tokenizer } from "@huggingface/tokenizers";
import { PorchlightError } from "../../shared/errors.ts";
import { withTimeLimit } from "./time-limit.ts";

/** Regular expressions of a file may be made to take for ever. They get this long; a megabyte a second is usual. */
const LIMIT_MS = 1000;
const LIMIT_PER_CHARACTER_MS = 0.05;

/** The tokenizer of a file that we do not trust. */
export interface LibraryTokenizer {
  library: Tokenizer;
  /** Token ids of a text; `around` adds what the post-processor puts there. Throws `model_load_failed` if the file's rules fail over it or do not end. */
  encode: (text: string, around: boolean) => number[];
}

/** @param file contents of tokenizer.json @param config contents of tokenizer_config.json. Throws `model_load_failed`. */
export function openLibraryTokenizer(file: Record<string, unknown>, config: object): LibraryTokenizer {
  const { library, hasExpressions } = guarded(() => ({
    library: new Tokenizer(file, config),
    hasExpressions: JSON.stringify([file["normalizer"], file["pre_tokenizer"]]).includes('"Regex"'),
  }));
  const encode = (text: string, around: boolean): number[] => {
    // Undefined for a character that a vocabulary without bytes and without <unk> lacks; a file may call anything an id.
    const ids: unknown[] = library.encode(text, { add_special_tokens: around }).ids;
    return ids.filter((id): id is number => typeof id === "number" && Number.isSafeInteger(id) && id >= 0);
  };
  const limitMs = (text: string) => LIMIT_MS + text.length * LIMIT_PER_CHARACTER_MS;
  return {
    library,
    encode: (text, around) =>
      guarded(() =>
        hasExpressions ? withTimeLimit(limitMs(text), () => encode(text, around), tooSlow) : encode(text, around),
      ),
  };
}

/** The library checks little: whatever it stumbles over is in the file. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof PorchlightError) throw cause;
    const said = cause instanceof Error ? cause.message.slice(0, 300) : String(cause);
    throw new PorchlightError("model_load_failed", `The model's tokenizer.json cannot be used: ${said}`, { cause });
  }
}

function tooSlow(): PorchlightError {
  return new PorchlightError(
    "model_load_failed",
    "The model's tokenizer.json cuts text by a rule that does not come to an end in time: use another model.",
  );
}
