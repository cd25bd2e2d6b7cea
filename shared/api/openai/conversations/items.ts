import { PorchlightError } from "../../../errors.ts";
import { CONVERSATIONS, type KeptRecords } from "../kept/records.ts";
import type { InputItem } from "../responses/input-schema.ts";
import { newId } from "../responses/response.ts";

/** A conversation, without its items. */
export interface Conversation {
  id: string;
  object: "conversation";
  created_at: number;
  metadata: Record<string, string>;
}

/** Throws `not_found`. */
export async function findConversation(records: KeptRecords, id: string): Promise<Conversation> {
  const text = id.startsWith("conv_") ? await records.get(id) : undefined;
  if (text === undefined) {
    throw new PorchlightError("not_found", "There is no such conversation: it was deleted, or its time is over.");
  }
  // The cast: it is what `keepConversation` was given.
  return JSON.parse(text) as Conversation;
}

/** Throws `records_full`. */
export async function keepConversation(records: KeptRecords, conversation: Conversation): Promise<void> {
  await records.put(CONVERSATIONS, [{ id: conversation.id, text: JSON.stringify(conversation) }]);
}

/** In the order in which they were said. */
export async function itemsIn(records: KeptRecords, conversationId: string): Promise<InputItem[]> {
  // The cast: it is what `appendItems` was given.
  return (await records.list(conversationId)).map(({ text }) => JSON.parse(text) as InputItem);
}

/** Adds items, each with its id, to a conversation and lets it live on as long as they. One that has been deleted stays so. */
export async function appendItems(
  records: KeptRecords,
  conversationId: string,
  items: readonly InputItem[],
): Promise<void> {
  const conversation = await records.get(conversationId);
  if (conversation === undefined) return;
  await records.put(CONVERSATIONS, [{ id: conversationId, text: conversation }]);
  const rows = items.map((item) => ({ id: recordId(conversationId, idOf(item)), text: JSON.stringify(item) }));
  await records.put(conversationId, rows);
}

/** Where an item is kept: clients may put one into several conversations. */
export function recordId(conversationId: string, id: string): string {
  return `${conversationId}/${id}`;
}

/** Items as they are listed: with ids (those that have one keep it), and what was said in parts. */
export function named(items: readonly InputItem[]): InputItem[] {
  return items.map((item) => {
    const id = idOf(item);
    if (item.type !== undefined && item.type !== "message") return { ...item, id };
    const identity = { type: "message" as const, id, status: item.status ?? ("completed" as const) };
    if (typeof item.content !== "string") return { ...item, ...identity };
    const { content: text } = item;
    if (item.role === "assistant") {
      return { ...item, ...identity, content: [{ type: "output_text" as const, text, annotations: [] }] };
    }
    return { ...item, ...identity, content: [{ type: "input_text" as const, text }] };
  });
}

function idOf({ id }: InputItem): string {
  return typeof id === "string" ? id : newId("msg");
}
