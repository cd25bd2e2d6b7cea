import { concatBytes } from "../../shared/bytes.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { askMarket } from "./followed.ts";

/** A file of the followed market: at most one byte more than asked for, so that whoever asked can tell. Undefined: it has none. */
export async function readBytesOf(origin: string, path: string, mostBytes: number): Promise<Uint8Array | undefined> {
  const answer = await askMarket(origin, path);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200)
    throw new PorchlightError("market_unreadable", `The market answered HTTP ${answer.status}.`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length > mostBytes) break; // Leaving the loop cancels the body.
    }
  } catch (cause) {
    throw new PorchlightError("market_unreadable", "The market's answer broke off.", { cause });
  }
  return concatBytes(chunks);
}
