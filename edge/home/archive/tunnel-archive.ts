import { ARCHIVE_LIMITS } from "../../../shared/archive/limits.ts";
import {
  ARCHIVE_ANSWERS,
  type ArchiveAnswer,
  archiveFailureSchema,
  type ArchiveOp,
  type SentArchiveRequest,
} from "../../../shared/archive/messages.ts";
import { toBase64 } from "../../../shared/base64.ts";
import { concatBytes } from "../../../shared/bytes.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import type { StreamHeader } from "../../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import type { Turn } from "../../../shared/sessions/turn.ts";
import type {
  ArchiveAgent,
  ArchiveHit,
  ArchivePort,
  Dropped,
  PlainObject,
  SealedObject,
  Segment,
} from "../sessions/archive-port.ts";
import type { ArchiveTunnel } from "./archive-tunnel.ts";

export interface TunnelArchiveOptions<Tunnel extends ArchiveTunnel> {
  /** The open tunnels. */
  tunnels: () => readonly Tunnel[];
  openStream: (tunnel: Tunnel, header: StreamHeader) => ProtocolStream;
  timeoutMs?: number;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The archives of a household's machines, through their tunnels: a stream of kind `archive` for each call. */
export class TunnelArchive<Tunnel extends ArchiveTunnel> implements ArchivePort {
  readonly #options: TunnelArchiveOptions<Tunnel>;

  constructor(options: TunnelArchiveOptions<Tunnel>) {
    this.#options = options;
  }

  agents(): ArchiveAgent[] {
    return this.#there().map(({ agentId, archive }) => ({ agentId, hasBackupKey: archive === "sealing" }));
  }

  async put(agentId: string, segment: Segment): Promise<{ bytes: number; sha256: string }> {
    return await this.#ask(agentId, { op: "put", segment });
  }

  async get(agentId: string, sessionId: string, segmentId: string): Promise<Turn[]> {
    return (await this.#ask(agentId, { op: "get", sessionId, segmentId })).turns;
  }

  async drop(agentId: string, { sessionIds, segmentIds }: Dropped): Promise<void> {
    await this.#ask(agentId, { op: "drop", sessionIds, segmentIds });
  }

  async search(agentId: string, userId: string, query: string, limit: number): Promise<ArchiveHit[]> {
    return (await this.#ask(agentId, { op: "search", userId, query, limit })).hits;
  }

  async seal(agentId: string, objects: PlainObject[]): Promise<SealedObject[]> {
    const sent = objects.map(({ name, plain }) => ({ name, plain: toBase64(plain) }));
    return (await this.#ask(agentId, { op: "seal", objects: sent })).objects;
  }

  async sealStored(
    agentId: string,
    sessionId: string,
    segmentId: string,
    name: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#ask(agentId, { op: "sealStored", sessionId, segmentId, name })).sealed;
  }

  #there(): Tunnel[] {
    return this.#options.tunnels().filter(({ archive, leaving }) => archive !== "none" && !leaving);
  }

  async #ask<Op extends ArchiveOp>(
    agentId: string,
    request: SentArchiveRequest & { op: Op },
  ): Promise<ArchiveAnswer<Op>> {
    const tunnel = this.#there().find((one) => one.agentId === agentId);
    if (tunnel === undefined) throw new PorchlightError("agent_offline");
    const stream = this.#options.openStream(tunnel, { kind: "archive", requestId: `archive-${crypto.randomUUID()}` });
    const timeout = setTimeout(
      () => stream.reset(new PorchlightError("timeout").toWire()),
      this.#options.timeoutMs ?? ARCHIVE_LIMITS.timeoutMs,
    );
    try {
      stream.write(encodeJson(request)).catch(() => undefined); // It fails when the stream is lost: then its reader has the error.
      stream.end();
      return readAnswer(request.op, await readAll(stream));
    } finally {
      clearTimeout(timeout);
    }
  }
}

/** Throws `internal_error` for what no machine of ours would answer. */
function readAnswer<Op extends ArchiveOp>(op: Op, bytes: Uint8Array): ArchiveAnswer<Op> {
  let answer: unknown;
  try {
    answer = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw senseless(cause);
  }
  const failure = archiveFailureSchema.safeParse(answer);
  if (failure.success) throw PorchlightError.fromWire(failure.data.error);
  const parsed = ARCHIVE_ANSWERS[op].safeParse(answer);
  if (!parsed.success) throw senseless(parsed.error);
  return parsed.data as ArchiveAnswer<Op>; // the schema is that of `op`
}

async function readAll(stream: ProtocolStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of stream.incoming) {
    bytes += piece.length;
    if (bytes > ARCHIVE_LIMITS.answerBytes) {
      stream.reset(new PorchlightError("cancelled").toWire());
      throw senseless();
    }
    pieces.push(piece.slice()); // Frames of one message share a buffer.
  }
  return concatBytes(pieces);
}

function senseless(cause?: unknown): PorchlightError {
  return new PorchlightError("agent_disconnected", "The home machine's archive gave no answer that makes sense.", {
    cause,
  });
}
