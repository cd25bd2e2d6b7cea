import { type KeyValueStorage, leftBehind } from "../logic/left-behind.ts";
import type { Sessions } from "../logic/sessions.ts";

/**
 * Takes conversations that former versions of this page kept in the browser to the edge, one by one; each is removed here only once it is
 * there. Returns how many went over. What fails is tried again when the page is opened again.
 */
export async function bringOver(storage: KeyValueStorage, account: string, sessions: Sessions): Promise<number> {
  let moved = 0;
  for (const { key, session } of leftBehind(storage, account)) {
    try {
      const isThere = session.turns.length === 0 || (await sessions.import({ sessions: [session] })) === 1;
      if (!isThere) continue;
      storage.removeItem(key);
      moved += 1;
    } catch (error) {
      console.warn("A conversation of this browser stays here for now.", error);
      break;
    }
  }
  return moved;
}
