import { VectorTable } from "./meaning/vector-table.ts";
import { SearchIndex } from "./search-index.ts";
import { SessionTable } from "./table.ts";
import { DropTable } from "./tiers/drop-table.ts";
import { SegmentTable } from "./tiers/segment-table.ts";
import { TurnTable } from "./turn-table.ts";

/** All that Home has of conversations: what a reader sees is decided by these rows alone. */
export interface SessionTables {
  sessions: SessionTable;
  turns: TurnTable;
  index: SearchIndex;
  segments: SegmentTable;
  drops: DropTable;
  vectors: VectorTable;
}

export function sessionTables(sql: SqlStorage): SessionTables {
  return {
    // First: its rows say what the vectors are of.
    sessions: new SessionTable(sql),
    turns: new TurnTable(sql),
    index: new SearchIndex(sql),
    segments: new SegmentTable(sql),
    drops: new DropTable(sql),
    vectors: new VectorTable(sql),
  };
}

/** Runs a step that is written whole or not at all. */
export type Transaction = <T>(step: () => T) => T;
