import type { ArchiveSegment } from "../../../shared/archive/messages.ts";

/** A segment of two turns of a session of its own; which words it has depends on its number alone. */
export function segmentOf(number: number): ArchiveSegment {
  const digits = String(number).padStart(26, "0");
  const turns = [0, 1].map((index) => ({
    index,
    createdAtMs: 1_790_000_000_000 + index,
    messages: [
      { role: "user" as const, content: `lantern ${number} 灯塔 question ${index}` },
      { role: "assistant" as const, content: `answer ${number}` },
    ],
    model: "m",
    state: "complete" as const,
  }));
  const id = `seg_${number.toString(16).padStart(32, "0")}`;
  return { id, sessionId: `ses_${digits}`, userId: "ada", from: 0, to: 2, title: `Number ${number}`, turns };
}
