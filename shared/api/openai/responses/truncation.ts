import type { GenerateEvent } from "../../../inference/event.ts";
import type { GenerateRequest, Message } from "../../../inference/request.ts";

/** Of the turns, how many go at a time: a conversation far too long takes few tries, one a little too long keeps most. */
const SHARE = 1 / 4;

/**
 * Generates as `generate` does; while the model says that the conversation is too long for it, the oldest turns are left out. The
 * instructions stay, and so does the last question.
 */
export async function* generateTruncated(
  generate: (request: GenerateRequest) => AsyncIterable<GenerateEvent>,
  request: GenerateRequest,
): AsyncGenerator<GenerateEvent> {
  for (let messages: Message[] | undefined = request.messages; messages !== undefined; ) {
    let shorter: Message[] | undefined;
    for await (const event of generate({ ...request, messages })) {
      const isTooLong = event.type === "error" && event.error.code === "context_length_exceeded";
      shorter = isTooLong ? withoutOldest(messages) : undefined;
      if (shorter !== undefined) break;
      yield event;
    }
    messages = shorter;
  }
}

/** Undefined where nothing is left to leave out. A turn begins with what the user says: a tool's answer stays with its call. */
export function withoutOldest(messages: readonly Message[]): Message[] | undefined {
  const starts = [...messages.keys()].filter((index) => messages[index]?.role === "user");
  const dropped = Math.ceil((starts.length - 1) * SHARE);
  const first = starts[dropped];
  if (dropped < 1 || first === undefined) return undefined;
  return messages.filter(({ role }, index) => index >= first || role === "system");
}
