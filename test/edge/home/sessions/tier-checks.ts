import { backupHeadSchema, backupNames, decodeTurns, latestHeads } from "../../../../shared/sessions/backup.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";
import { decodeJson } from "../../../../shared/protocol/json.ts";
import type { TierWorld } from "./tier-world.ts";

/** What a conversation has to say: a word a turn. */
export interface Expected {
  id: string;
  userId: string;
  words: string[];
}

export const wordOf = ({ messages }: Pick<Turn, "messages">): string => messages[0]?.content ?? "";

/** Breaks off with what is wrong. */
function demand(holds: boolean, ...what: unknown[]): asserts holds {
  if (!holds) throw new Error(what.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(" "));
}

/**
 * What must hold at any moment, in the midst of anything: of each conversation, Home's rows name every turn exactly once, as hot or as
 * cold, and it is where they say, unchanged.
 */
export function checkRows(world: TierWorld, expected: readonly Expected[], deleted: ReadonlySet<string>): void {
  const { tables } = world.life;
  for (const { id, words } of expected) {
    const row = tables.sessions.find(id);
    demand(row !== undefined, id, "is lost");
    demand(row.turnCount === words.length, id, "has", row.turnCount, "turns, not", words.length);
    const hot = tables.turns.turns(id, 0, 1_000_000);
    const places = hot.map(({ index }) => index);
    const wanted = Array.from({ length: row.turnCount - row.coldTo }, (_, at) => row.coldTo + at);
    demand(JSON.stringify(places) === JSON.stringify(wanted), id, "has hot turns", places, "not", wanted);
    demand(
      hot.every((turn) => wordOf(turn) === words[turn.index]),
      id,
      "has other hot turns than were written",
    );
    let coldTo = 0;
    for (const segment of tables.segments.of(id).filter(({ state }) => state === "cold")) {
      demand(segment.from === coldTo, id, "has a gap or an overlap at", coldTo, segment);
      coldTo = segment.to;
      const kept = world.archive.disks.get(segment.agentId)?.segments.get(segment.id);
      const said = kept?.turns.map((turn) => wordOf(turn));
      demand(
        JSON.stringify(said) === JSON.stringify(words.slice(segment.from, segment.to)),
        id,
        "has a cold segment that its machine lacks",
        segment,
        said,
      );
    }
    demand(coldTo === row.coldTo, id, "is cold to", coldTo, "not", row.coldTo);
  }
  for (const { id, words } of expected) {
    const row = tables.sessions.find(id);
    if (row?.backedUp === row?.revision) checkBackup(world, id, words);
  }
  for (const id of deleted) {
    demand(tables.sessions.find(id) === undefined, id, "was deleted and is there again");
    demand(tables.turns.heads(id, 0, 1_000_000).length === 0, id, "was deleted, its turns were not");
    demand(tables.segments.of(id).length === 0, id, "was deleted, its segments were not");
  }
}

/** What must hold when all is done and nothing goes wrong any more. */
export async function checkRest(
  world: TierWorld,
  expected: readonly Expected[],
  deleted: ReadonlySet<string>,
): Promise<void> {
  const { store, tables } = world.life;
  demand(tables.drops.isEmpty, "something is yet to be dropped");
  demand(tables.segments.moving().length === 0, "something is yet to be moved");
  for (const { id, userId, words } of expected) {
    const turns = await store.turns(id, 0, 1_000_000);
    demand(
      JSON.stringify(turns.map((turn) => wordOf(turn))) === JSON.stringify(words),
      id,
      "reads as",
      turns.map((turn) => wordOf(turn)),
    );
    demand(
      turns.every(({ index }, at) => index === at),
      id,
      "has turns in another order",
    );
    const young = tables.turns.heads(id, 0, 1_000_000).filter(({ state }) => state !== "answering");
    demand(young.length === 0, id, "has old turns that are hot still:", young);
    checkBackup(world, id, words);
    for (const word of new Set(words)) {
      const { hits, complete } = await store.search(userId, word, 1000);
      const found = hits.filter(({ sessionId }) => sessionId === id).map(({ index }) => index ?? -1);
      const there = words.flatMap((said, index) => (said === word ? [index] : []));
      demand(
        complete && JSON.stringify(found.toSorted((a, b) => a - b)) === JSON.stringify(there),
        id,
        word,
        "is found at",
        found,
      );
    }
  }
  const live = new Set(expected.map(({ id }) => id));
  for (const [agentId, { segments }] of world.archive.disks) {
    for (const segment of segments.values()) {
      const row = tables.segments.find(segment.id);
      demand(row?.agentId === agentId && live.has(segment.sessionId), agentId, "keeps what it should not:", segment);
    }
  }
  for (const name of world.bucket.keys()) demand(live.has(name.split("/")[0] ?? ""), name, "is in the backup still");
  for (const id of deleted) demand(!live.has(id), id, "was deleted");
}

/** The backup alone has the conversation. */
function checkBackup({ bucket }: TierWorld, id: string, words: readonly string[]): void {
  const opened = (name: string): Uint8Array => {
    const sealed = bucket.get(name);
    demand(sealed !== undefined, name, "is not in the backup");
    return sealed.map((byte) => byte ^ 0xff);
  };
  const names = [...bucket.keys()].filter((name) => name.startsWith(backupNames.all(id)));
  const latest = latestHeads(names).get(id);
  demand(latest !== undefined, id, "is not in the backup:", names);
  const head = decodeJson(opened(latest.name), backupHeadSchema);
  const segments = head.segments.map((segment) => backupNames.segment(id, segment.id));
  const parts = Array.from({ length: head.parts }, (_, at) => backupNames.part(id, head.revision, at));
  const turns = [...segments, ...parts].flatMap((name) => decodeTurns(opened(name)));
  demand(
    JSON.stringify(turns.map((turn) => wordOf(turn))) === JSON.stringify(words),
    id,
    "is backed up as",
    turns.map((turn) => wordOf(turn)),
  );
}
