import { sha256Of } from "../../../shared/market/checks/check-package.ts";
import {
  readMetadata,
  type Snapshot,
  type Target,
  type Targets,
  targetsSchema,
} from "../../../shared/market/tuf/metadata.ts";
import { TUF_VERSION, tufTime } from "../../../shared/market/tuf/root.ts";
import { signMetadata, type Signer } from "../../../shared/market/tuf/signer.ts";
import type { Metadata, MetadataHead } from "../store/metadata.ts";
import { LIVES } from "./lives.ts";
import type { OnlineKeys } from "./keys.ts";

type NewFile = Omit<Metadata, "replacedAt">;

/** Metadata that is being changed: what is there, and what takes its place. Snapshot and timestamp follow from the rest. */
export class MetadataSet {
  readonly #heads = new Map<string, MetadataHead>();
  readonly #written: NewFile[] = [];
  readonly keys: OnlineKeys;
  readonly #nowMs: number;

  constructor(current: readonly MetadataHead[], keys: OnlineKeys, nowMs: number) {
    for (const head of current) this.#heads.set(head.role, head);
    this.keys = keys;
    this.#nowMs = nowMs;
  }

  get written(): readonly NewFile[] {
    return this.#written;
  }

  head(role: string): MetadataHead | undefined {
    return this.#heads.get(role);
  }

  get bins(): string[] {
    return [...this.#heads.keys()].filter((role) => role.startsWith("bin-"));
  }

  /** Whether a role has to be signed anew though it says the same. */
  isDue(role: string): boolean {
    const head = this.#heads.get(role);
    const [signer, { renewMs }] = this.#of(role);
    return head === undefined || head.keyId !== signer.keyid || head.expiresAt - this.#nowMs < renewMs;
  }

  /** Targets, of the market itself or of a bin. */
  async putTargets(role: string, says: Pick<Targets, "targets" | "delegations">): Promise<void> {
    await this.#put(role, { ...says, _type: "targets" });
  }

  /** Names all targets as they are now, if any of them is another one or it is time. */
  async putSnapshot(): Promise<void> {
    if (this.#written.length === 0 && !this.isDue("snapshot")) return;
    const listed = [...this.#heads.values()].filter(({ role }) => role === "targets" || role.startsWith("bin-"));
    const meta: Snapshot["meta"] = Object.fromEntries(listed.map((head) => [`${head.role}.json`, listing(head)]));
    await this.#put("snapshot", { _type: "snapshot", meta });
  }

  /** Names the snapshot. */
  async putTimestamp(): Promise<void> {
    const snapshot = this.#heads.get("snapshot");
    if (snapshot === undefined || (this.#written.length === 0 && !this.isDue("timestamp"))) return;
    await this.#put("timestamp", { _type: "timestamp", meta: { "snapshot.json": listing(snapshot) } });
  }

  /** A file that is no role: a target that the market writes itself. */
  add(file: NewFile): void {
    this.#written.push(file);
  }

  async #put(role: string, says: object): Promise<void> {
    const [signer, { lifeMs }] = this.#of(role);
    const version = (this.#heads.get(role)?.version ?? 0) + 1;
    const expiresAt = this.#nowMs + lifeMs;
    const signed = { ...says, spec_version: TUF_VERSION, version, expires: tufTime(expiresAt) };
    const body = await signMetadata(signed, [signer]);
    const utf8 = new TextEncoder().encode(body);
    const file = role === "timestamp" ? "timestamp.json" : `${version}.${role}.json`;
    const head = {
      file,
      role,
      version,
      sha256: await sha256Of(utf8),
      bytes: utf8.length,
      expiresAt,
      keyId: signer.keyid,
    };
    this.#heads.set(role, head);
    this.#written.push({ ...head, body });
  }

  #of(role: string): [Signer, { lifeMs: number; renewMs: number }] {
    if (role === "snapshot") return [this.keys.snapshot, LIVES.snapshot];
    return role === "timestamp" ? [this.keys.timestamp, LIVES.timestamp] : [this.keys.targets, LIVES.targets];
  }
}

/** A target that the market writes itself, as its metadata names it and as it is kept. */
export async function ownTarget(file: string, role: string, body: string): Promise<{ target: Target; row: NewFile }> {
  const utf8 = new TextEncoder().encode(body);
  const [sha256, bytes] = [await sha256Of(utf8), utf8.length];
  const row = { file: `${sha256}.${file}`, role, version: 1, body, sha256, bytes, expiresAt: 0, keyId: "" };
  return { target: { length: bytes, hashes: { sha256 } }, row };
}

/** What a body of targets says. */
export function readTargets(body: string | undefined): Targets["targets"] {
  if (body === undefined) return {};
  return readMetadata(targetsSchema, new TextEncoder().encode(body)).signed.targets;
}

function listing({ version, bytes, sha256 }: MetadataHead) {
  return { version, length: bytes, hashes: { sha256 } };
}
