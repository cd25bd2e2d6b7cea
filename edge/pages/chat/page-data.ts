import type { ClientStrings } from "../i18n/index.ts";

/** What the chat script reads from the page. */
export type ChatPageData = {
  /** Separates what different people store in one browser. */
  account: string;
  strings: ClientStrings;
};
