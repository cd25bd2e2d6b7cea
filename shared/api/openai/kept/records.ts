/** A text under a name. */
export interface KeptRecord {
  /** Unique among all of its keeper's. */
  id: string;
  text: string;
}

/**
 * What is kept of one caller's conversations: at the edge in the household's object, at home in memory. Records are in groups, in the
 * order in which they came; a group may bear the name of a record, and then goes with it.
 */
export interface KeptRecords {
  get(id: string): Promise<string | undefined>;
  list(group: string): Promise<KeptRecord[]>;
  /** Writes all of them or none; one that is there keeps its place. Throws PorchlightError `records_full`. */
  put(group: string, records: readonly KeptRecord[]): Promise<void>;
  /** Returns whether there was one. */
  delete(id: string): Promise<boolean>;
}

/** The group of responses: where there is no room for another, its oldest leave. All else stays until its time is over. */
export const RESPONSES = "responses";
/** The group of conversations; the items of each are in a group of its name. */
export const CONVERSATIONS = "conversations";
