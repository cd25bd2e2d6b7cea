import type { Message } from "../inference/request.ts";

/** Of a turn, what somebody would look for: what the person and the model said. */
export function turnText({ messages }: { messages: readonly Message[] }): string {
  const isSaid = ({ role }: Message): boolean => role === "user" || role === "assistant";
  return messages
    .filter(isSaid)
    .map(({ content }) => content)
    .join("\n");
}
