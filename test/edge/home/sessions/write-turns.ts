import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { SessionStore } from "../../../../edge/home/sessions/store.ts";
import { sessionTables } from "../../../../edge/home/sessions/tables.ts";
import type { NewTurn } from "../../../../shared/sessions/turn.ts";

/** Writes turns into a household's session as Home's own parts do. */
export async function writeTurns(accountId: string, id: string, turns: readonly NewTurn[]): Promise<void> {
  await runInDurableObject(env.HOME.getByName(accountId), (_home, { storage }) => {
    const tables = sessionTables(storage.sql);
    const store = new SessionStore({ tables, transaction: (step) => storage.transactionSync(step), hotTurns: 0 });
    for (const turn of turns) store.addTurn(id, turn);
  });
}
