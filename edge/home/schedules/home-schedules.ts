import type { Database } from "../../store/database.ts";
import type { JobDesk } from "../jobs/desk.ts";
import type { MemoryDesk } from "../memory/desk.ts";
import { resolveSettings } from "../../../shared/sessions/settings.ts";
import type { SessionStore } from "../sessions/store.ts";
import { ScheduleDesk } from "./desk.ts";
import { databasePermits } from "./permit.ts";
import { storeSessions } from "./store-sessions.ts";

/** The schedules of a Home object, over its jobs, sessions and memory. */
export function homeSchedules(of: {
  sql: SqlStorage;
  db: () => Database;
  jobs: JobDesk;
  memory: MemoryDesk;
  store: SessionStore;
  onChange: () => void;
}): ScheduleDesk {
  const { sql, db, jobs, memory, store, onChange } = of;
  return new ScheduleDesk({
    sql,
    jobs,
    sessions: storeSessions(store),
    findPermit: databasePermits(db),
    backgroundOf: (userId, prompt) => {
      const { instructions = "", memory: usesMemory } = resolveSettings([store.settingsOf(userId)]);
      const facts = usesMemory === "off" ? "" : memory.memoryText(userId, { about: prompt });
      return [instructions, facts].filter((part) => part !== "").join("\n\n");
    },
    onChange,
  });
}
