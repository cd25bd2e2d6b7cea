import type { Account, EdgeBindings } from "../env.ts";
import { listKeyNames } from "../store/api-keys.ts";
import { database } from "../store/database.ts";
import { listUsers } from "../store/users.ts";
import { homeOf } from "./backend.ts";
import { dayOf } from "./quota/day.ts";

/** As long as usage is kept. */
export const MOST_DAYS = 400;

/** Days of UTC, both included. */
export interface DayRange {
  from: string;
  to: string;
}

export interface SourceUsage {
  day: string;
  source: { id: string; kind: "key" | "person" | "gone"; name: string };
  model: string;
  requests: number;
  errors: number;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  nodeSeconds: number;
}

/** The last `days` days, today among them. */
export function lastDays(days: number, nowMs: number): DayRange {
  return { from: dayOf(nowMs - (days - 1) * 24 * 3600_000), to: dayOf(nowMs) };
}

/** Usage with the names of keys and people: everybody's for the owner, otherwise one's own. */
export async function usageOf(env: EdgeBindings, account: Account, { from, to }: DayRange): Promise<SourceUsage[]> {
  const db = database(env.DB);
  const [rows, keys, people] = await Promise.all([
    homeOf(env, account.id).usage(from, to),
    listKeyNames(db, account.id),
    listUsers(db, account.id),
  ]);
  const sources = new Map<string, { kind: "key" | "person"; name: string; userId: string | null }>();
  for (const { id, name } of people) sources.set(id, { kind: "person", name, userId: id });
  for (const { id, name, userId } of keys) sources.set(id, { kind: "key", name, userId });
  const seesAll = account.role === "owner";
  return rows
    .filter(({ caller }) => seesAll || sources.get(caller)?.userId === account.userId)
    .map(({ caller: id, nodeMs, ...rest }) => {
      const source = sources.get(id);
      return {
        ...rest,
        source: source ? { id, kind: source.kind, name: source.name } : { id, kind: "gone" as const, name: "" },
        nodeSeconds: nodeMs / 1000,
      };
    });
}
