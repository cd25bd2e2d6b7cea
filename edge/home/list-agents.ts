import type { EdgeBindings } from "../env.ts";
import { listAgents } from "../store/agents.ts";
import { database } from "../store/database.ts";
import { homeOf } from "./backend.ts";
import type { AgentStatus } from "./dispatch/machines.ts";

export interface HomeAgent {
  id: string;
  name: string;
  createdAt: number;
  /** Null for one that never came. */
  lastSeenAt: number | null;
  /** What it last said of itself; undefined before the first time. */
  status: AgentStatus | undefined;
}

/** The machines of a household: who is paired, from the database, and how each stands, from its Home object. */
export async function agentsOf(env: EdgeBindings, accountId: string): Promise<HomeAgent[]> {
  const [rows, known] = await Promise.all([listAgents(database(env.DB), accountId), homeOf(env, accountId).agents()]);
  const now = Date.now();
  return rows.map(({ id, name, createdAt, lastSeenAt }) => {
    const status = known.find((agent) => agent.id === id);
    return { id, name, createdAt, lastSeenAt: status?.online === true ? now : lastSeenAt, status };
  });
}
