import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { adoptedSchema, type BackupCall, listedSchema } from "../../shared/archive/backup-calls.ts";
import { ARCHIVE_LIMITS } from "../../shared/archive/limits.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { signBackup } from "../../shared/protocol/signatures.ts";
import type { BackupHead } from "../../shared/sessions/backup.ts";
import type { Turn } from "../../shared/sessions/turn.ts";
import { notAnEdge, refusal, requireSafe } from "../link/edge-request.ts";
import type { PairedIdentity } from "../link/identity.ts";

const TIMEOUT_MS = 60_000;
const MAX_JSON_BYTES = 1024 * 1024;
/** Between the tries of a call that did not come through: each may be made again. */
const AGAIN_MS = [500, 2_000, 5_000];

/** Where sealed objects come from, and who is told of what was opened. */
export interface BackupSource {
  names(): AsyncIterable<string>;
  sealed(name: string): Promise<Uint8Array>;
  adopt(head: BackupHead, turns: readonly Turn[]): Promise<"known" | "added" | "deleted">;
}

/** The backup of the household that this machine is paired with. Each call rejects with PorchlightError. */
export class EdgeBackup implements BackupSource {
  readonly #identity: PairedIdentity;
  readonly #origin: string;

  /** @param origin where the edge is, if that is not where the machine was paired: an embedded edge moves with its port */
  constructor(identity: PairedIdentity, origin = identity.pairing.origin) {
    requireSafe(new URL(origin));
    this.#identity = identity;
    this.#origin = origin;
  }

  async *names(): AsyncGenerator<string> {
    for (let after: string | undefined; ; ) {
      const call = { op: "list" as const, ...(after === undefined ? {} : { after }) };
      const { names } = await this.#json(call, listedSchema);
      yield* names;
      const last = names.at(-1);
      if (last === undefined || (after !== undefined && last <= after)) return;
      after = last;
    }
  }

  async sealed(name: string): Promise<Uint8Array> {
    return await this.#ask({ op: "get", name }, ARCHIVE_LIMITS.plainBytes + ARCHIVE_LIMITS.sealBytes);
  }

  async adopt(head: BackupHead, turns: readonly Turn[]): Promise<"known" | "added" | "deleted"> {
    return (await this.#json({ op: "adopt", head, turns: [...turns] }, adoptedSchema)).state;
  }

  async #json<Schema extends z.ZodType>(call: BackupCall, schema: Schema): Promise<z.output<Schema>> {
    const bytes = await this.#ask(call, MAX_JSON_BYTES);
    try {
      return schema.parse(JSON.parse(Buffer.from(bytes).toString()));
    } catch (cause) {
      throw notAnEdge(this.#origin, cause);
    }
  }

  async #ask(call: BackupCall, maxBytes: number): Promise<Uint8Array> {
    for (let failures = 0; ; ) {
      try {
        return await this.#once(JSON.stringify(call), maxBytes);
      } catch (error) {
        const mayPass = error instanceof PorchlightError && error.code === "edge_unreachable";
        const waitMs = mayPass ? AGAIN_MS[failures++] : undefined;
        if (waitMs === undefined) throw error;
        await sleep(waitMs);
      }
    }
  }

  async #once(call: string, maxBytes: number): Promise<Uint8Array> {
    const { privateKey, pairing } = this.#identity;
    const time = Date.now();
    const signature = await signBackup(privateKey, { origin: this.#origin, agentId: pairing.agentId, time, call });
    const url = `${this.#origin}/api/agents/${encodeURIComponent(pairing.agentId)}/backup`;
    let answer: { ok: boolean; status: number; bytes: Uint8Array };
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ time, call, signature }),
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      answer = { ok: response.ok, status: response.status, bytes: await readUpTo(response, maxBytes) };
    } catch (cause) {
      if (cause instanceof PorchlightError) throw cause;
      const message = `The edge at ${this.#origin} could not be reached. Check the network, then try again.`;
      throw new PorchlightError("edge_unreachable", message, { cause });
    }
    if (answer.ok) return answer.bytes;
    throw refusal(this.#origin, { ...answer, body: jsonOf(answer.bytes) }, "give the backup");
  }
}

async function readUpTo(response: Response, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength;
    if (bytes > maxBytes)
      throw new PorchlightError("backup_damaged", "The edge answered with more than any object has.");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined; // Some proxy's page: `refusal` says what that means.
  }
}
