import type { Turn } from "../../../../shared/sessions/turn.ts";
import { traceSchema } from "../context/trace.ts";

/** Whether what strangers wrote is before whoever reads this turn. Of one from elsewhere, nobody knows what its answer was made of. */
export function hasStrangers({ trace, messages }: Turn): boolean {
  const known = traceSchema.safeParse(trace);
  return known.success ? known.data.tainted === true : messages.some(({ role }) => role !== "user");
}

/** Whether strangers wrote what is asked in it. */
export function isByStrangers(turn: Turn | undefined): boolean {
  return traceSchema.safeParse(turn?.trace).data?.fromStrangers === true;
}

/** What the person wrote in a turn of this edge. */
export function askedIn({ trace, messages }: Turn): string[] {
  const known = traceSchema.safeParse(trace);
  if (!known.success || known.data.fromStrangers === true) return [];
  return messages.flatMap(({ role, content }) => (role === "user" ? [content] : []));
}
