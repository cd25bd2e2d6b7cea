import { PorchlightError } from "../../../errors.ts";
import { findConversation, itemsIn } from "../conversations/items.ts";
import type { KeptRecords } from "../kept/records.ts";
import type { InputItem } from "./input-schema.ts";
import type { ResponsesRequest } from "./request-schema.ts";
import { findResponse, itemsAfter } from "./stored.ts";

/** The conversation that a request goes on with. */
export interface ResponseContext {
  before: InputItem[];
  /** The conversation that question and answer are added to. */
  conversation?: string;
}

/** Throws PorchlightError 400 where there is no such conversation, and where none are kept. */
export async function contextOf(body: ResponsesRequest, records: KeptRecords | undefined): Promise<ResponseContext> {
  const { previous_response_id: previous } = body;
  const conversation = typeof body.conversation === "object" ? body.conversation?.id : body.conversation;
  if (!previous && !conversation) return { before: [] };
  const param = previous ? "previous_response_id" : "conversation";
  if (records === undefined) throw keptNowhere(param);
  try {
    if (previous) return { before: itemsAfter(await findResponse(records, previous)) };
    if (!conversation) return { before: [] };
    await findConversation(records, conversation);
    return { before: await itemsIn(records, conversation), conversation };
  } catch (error) {
    if (!(error instanceof PorchlightError) || error.code !== "not_found") throw error;
    throw new PorchlightError("invalid_request", `${error.message} Send the conversation in 'input'.`, { param });
  }
}

/** Whether an answer is kept: unless its client says no. Throws `unsupported_parameter` where none can be. */
export function keepsResponse({ store }: ResponsesRequest, records: KeptRecords | undefined): boolean {
  if (store === true && records === undefined) throw keptNowhere("store");
  return store !== false && records !== undefined;
}

function keptNowhere(param: string): PorchlightError {
  const sentence = `Unsupported value for '${param}': no conversations are kept here: send all of it in 'input'.`;
  return new PorchlightError("unsupported_parameter", sentence, { param });
}
