/** A program that asks to be let in. */
export interface Client {
  id: string;
  /** Its own word. */
  name: string;
  /** Whose document describes it; undefined for one that only registered. */
  host?: string;
  redirectUris: readonly string[];
}
