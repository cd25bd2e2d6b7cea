/** What a sender sent to a webhook of the plugin's. */
export interface WebhookMessage {
  /** The sender's own id of it, or one made here. The same message may come twice where the edge was interrupted. */
  id: string;
  /** ISO 8601. */
  receivedAt: string;
  /** What the person calls the address. */
  webhook: string;
  /** Those of content, of GitHub, GitLab and the like, by small letters; none that authenticates. */
  headers: Readonly<Record<string, string>>;
  /** A text, or base64 where it is none. */
  body: string;
  encoding: "utf-8" | "base64";
}

/** A question that is about to be answered. */
export interface BeforeTurn {
  question: string;
  /** Of the conversation, and which turn of it. */
  session: string;
  turn: number;
}

/** A turn that has been answered. */
export interface AfterTurn extends BeforeTurn {
  answer: string;
  model: string;
}

/** A time that has come. */
export interface ScheduledRun {
  /** ISO 8601: when it should have been. */
  dueAt: string;
  /** Times since the last run that nothing ran, this one not counted. */
  missed: number;
}

export interface SearchInput {
  query: string;
  most: number;
}

export interface Passage {
  text: string;
  /** What it is from, as people cite it. */
  title?: string;
  url?: string;
}
