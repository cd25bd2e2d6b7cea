import type { JobDesk } from "./desk.ts";

/** What the Worker may ask of the desk. */
export const DESK_METHODS = [
  "add",
  "list",
  "job",
  "cancel",
  "remove",
  "receivers",
  "addReceiver",
  "rotateSecret",
  "removeReceiver",
  "testReceiver",
] as const;
export type DeskMethod = (typeof DESK_METHODS)[number];

export type DeskAnswer = ReturnType<JobDesk[DeskMethod]>;

/** A call of `jobsOf`, at its other end. */
export function callDesk(desk: JobDesk, method: DeskMethod, args: unknown[]): DeskAnswer {
  // Its only caller is `jobsOf`, which has the types of this very method.
  const call = desk[method] as (...args: unknown[]) => DeskAnswer;
  return call.apply(desk, args);
}
