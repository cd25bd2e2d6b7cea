/** What the Worker may ask of the desk. */
export const DESK_METHODS = [
  "add",
  "list",
  "job",
  "attempt",
  "cancel",
  "remove",
  "receivers",
  "addReceiver",
  "rotateSecret",
  "removeReceiver",
  "testReceiver",
] as const;
export type DeskMethod = (typeof DESK_METHODS)[number];
