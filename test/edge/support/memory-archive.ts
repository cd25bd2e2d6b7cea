import type {
  ArchiveHit,
  ArchivePort,
  Dropped,
  PlainObject,
  SealedObject,
  Segment,
} from "../../../edge/home/sessions/archive-port.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import { encodeTurns } from "../../../shared/sessions/backup.ts";
import { snippetOf } from "../../../shared/sessions/search-text.ts";
import { turnText } from "../../../shared/sessions/turn-text.ts";
import type { Turn } from "../../../shared/sessions/turn.ts";

/** What happens around a call: it may throw before or after the call has had its effect. */
export type Around = <T>(name: string, call: () => T) => Promise<T>;

/** The disk of one machine. */
class Disk {
  readonly segments = new Map<string, Segment>();
  readonly dropped = new Set<string>();
}

/** Archives of several machines in memory, which outlive every object that uses them. */
export class MemoryArchive implements ArchivePort {
  readonly disks = new Map<string, Disk>();
  /** Those that are there now. */
  readonly online: Set<string>;
  hasBackupKey = true;
  around: Around = async (_name, call) => await Promise.resolve(call());

  constructor(...agentIds: string[]) {
    this.online = new Set(agentIds);
    for (const id of agentIds) this.disks.set(id, new Disk());
  }

  agents() {
    return [...this.online].map((agentId) => ({ agentId, hasBackupKey: this.hasBackupKey }));
  }

  async put(agentId: string, segment: Segment) {
    return await this.#call("put", agentId, (disk) => {
      if (disk.dropped.has(segment.id) || disk.dropped.has(segment.sessionId))
        throw new PorchlightError("segment_dropped");
      disk.segments.set(segment.id, structuredClone(segment));
      return { bytes: encodeJson(segment.turns).length, sha256: "" };
    });
  }

  async get(agentId: string, sessionId: string, segmentId: string): Promise<Turn[]> {
    return await this.#call("get", agentId, (disk) => structuredClone(segmentOf(disk, sessionId, segmentId).turns));
  }

  async drop(agentId: string, { sessionIds, segmentIds }: Dropped): Promise<void> {
    await this.#call("drop", agentId, (disk) => {
      for (const id of [...sessionIds, ...segmentIds]) disk.dropped.add(id);
      for (const [id, segment] of disk.segments) {
        if (disk.dropped.has(id) || disk.dropped.has(segment.sessionId)) disk.segments.delete(id);
      }
    });
  }

  async search(agentId: string, userId: string, query: string, limit: number): Promise<ArchiveHit[]> {
    return await this.#call("search", agentId, (disk) => {
      const hits = [...disk.segments.values()]
        .filter((segment) => segment.userId === userId)
        .flatMap(({ id: segmentId, sessionId, turns }) =>
          turns.flatMap((turn): ArchiveHit[] => {
            const text = turnText(turn);
            if (!text.toLowerCase().includes(query.toLowerCase())) return [];
            return [{ sessionId, segmentId, index: turn.index, snippet: snippetOf(text, query, 160), score: 1 }];
          }),
        );
      return hits.slice(0, limit);
    });
  }

  /** Sealed here: every byte the other way round, so that nobody takes one for the other. */
  async seal(agentId: string, objects: PlainObject[]): Promise<SealedObject[]> {
    return await this.#call("seal", agentId, () =>
      objects.map(({ name, plain }) => ({ name, sealed: plain.map(flip) })),
    );
  }

  async sealStored(agentId: string, sessionId: string, segmentId: string): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#call("sealStored", agentId, (disk) =>
      encodeTurns(segmentOf(disk, sessionId, segmentId).turns).map(flip),
    );
  }

  async #call<T>(name: string, agentId: string, call: (disk: Disk) => T): Promise<T> {
    if (!this.online.has(agentId)) throw new PorchlightError("agent_offline");
    return await this.around(name, () => {
      const disk = this.disks.get(agentId);
      if (disk === undefined) throw new PorchlightError("agent_offline");
      return call(disk);
    });
  }
}

function flip(byte: number): number {
  return byte ^ 0xff;
}

function segmentOf(disk: Disk, sessionId: string, segmentId: string): Segment {
  const segment = disk.segments.get(segmentId);
  if (segment?.sessionId !== sessionId) throw new PorchlightError("not_found");
  return segment;
}
