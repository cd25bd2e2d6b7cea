import { PorchlightError } from "../../../errors.ts";
import { type KeptRecords, RESPONSES } from "../kept/records.ts";
import { appendItems } from "../conversations/items.ts";
import { type InputItem, inputItemSchema } from "./input-schema.ts";
import { hasEnded, type ResponseBody } from "./response.ts";

/** A response that may be asked for again, with the whole conversation that it ended. */
export interface StoredResponse {
  response: ResponseBody;
  /** What was said before. */
  before: InputItem[];
  /** What was said to get it; each has an id. */
  input: InputItem[];
  /** Names the job that answers it. */
  job?: string;
}

/** Throws `not_found`. */
export async function findResponse(records: KeptRecords, id: string): Promise<StoredResponse> {
  const text = id.startsWith("resp_") ? await records.get(id) : undefined;
  if (text === undefined) {
    throw new PorchlightError("not_found", "There is no such response: none was kept, or its time is over.");
  }
  // The cast: it is what `keepResponse` was given.
  return JSON.parse(text) as StoredResponse;
}

/** Keeps a response as it is; one that has been answered also goes into its conversation. Throws `records_full`. */
export async function keepResponse(records: KeptRecords, stored: StoredResponse): Promise<void> {
  const { response, input } = stored;
  await records.put(RESPONSES, [{ id: response.id, text: JSON.stringify(stored) }]);
  if (response.conversation === null || (response.status !== "completed" && response.status !== "incomplete")) return;
  await appendItems(records, response.conversation.id, [...input, ...said(response)]);
}

/** What goes on from a response. Throws `invalid_request` where it has not been answered. */
export function itemsAfter({ response, before, input }: StoredResponse): InputItem[] {
  if (hasEnded(response) && response.status !== "failed" && response.status !== "cancelled") {
    return [...before, ...input, ...said(response)];
  }
  const sentence = "The response has not been answered, so nothing can follow it.";
  throw new PorchlightError("invalid_request", sentence, { param: "previous_response_id" });
}

function said({ output }: ResponseBody): InputItem[] {
  return output.map((item) => inputItemSchema.parse(item));
}
