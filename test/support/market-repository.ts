import { createHash } from "node:crypto";
import type { Targets } from "../../shared/market/tuf/metadata.ts";
import { rootOf, TUF_VERSION, tufTime } from "../../shared/market/tuf/root.ts";
import { newSecretKey, readSigner, signMetadata, type Signer } from "../../shared/market/tuf/signer.ts";

export const DAY = 24 * 3600_000;

export async function newSigner(): Promise<Signer> {
  const signer = await readSigner(await newSecretKey());
  if (signer === undefined) throw new Error("no signer");
  return signer;
}

export interface RepositoryKeys {
  root: Signer;
  targets: Signer;
  snapshot: Signer;
  timestamp: Signer;
}

export async function newKeys(): Promise<RepositoryKeys> {
  const [root, targets, snapshot, timestamp] = await Promise.all([newSigner(), newSigner(), newSigner(), newSigner()]);
  return { root, targets, snapshot, timestamp };
}

export const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A repository as files by name, which a test can bend: what a market serves. Nothing in it is shared with the market's own writer but signing. */
export class Repository {
  readonly files = new Map<string, string | Uint8Array>();
  keys: RepositoryKeys;
  nowMs: number;
  readonly versions = { root: 0, targets: 0, snapshot: 0, timestamp: 0, bin: 0 };
  readonly targets = new Map<string, Uint8Array>();
  readonly custom = new Map<string, Record<string, unknown>>();

  constructor(keys: RepositoryKeys, nowMs = Date.now()) {
    [this.keys, this.nowMs] = [keys, nowMs];
  }

  static async make(): Promise<Repository> {
    const repository = new Repository(await newKeys());
    await repository.putRoot();
    repository.targets.set("ada/weather/1.0.0.tar", new TextEncoder().encode("the weather"));
    await repository.publish();
    return repository;
  }

  copy(): Repository {
    const copy = new Repository(this.keys, this.nowMs);
    for (const [name, file] of this.files) copy.files.set(name, file);
    for (const [path, bytes] of this.targets) copy.targets.set(path, bytes);
    Object.assign(copy.versions, this.versions);
    return copy;
  }

  async putRoot(by: readonly Signer[] = [this.keys.root], lifeMs = 365 * DAY): Promise<void> {
    const { root, targets, snapshot, timestamp } = this.keys;
    const version = ++this.versions.root;
    const signed = rootOf({ root: [root], targets, snapshot, timestamp }, version, this.nowMs + lifeMs);
    this.files.set(`${version}.root.json`, await signMetadata(signed, by));
  }

  /** Writes everything anew, a version on. `bins`: the packages are named by delegated roles, as the market has them. */
  async publish({ bins = true, lifeMs = DAY } = {}): Promise<void> {
    const named = Object.fromEntries(
      [...this.targets].map(([path, bytes]) => {
        const hash = sha256(bytes);
        const slash = path.lastIndexOf("/") + 1;
        this.files.set(`targets/${path.slice(0, slash)}${hash}.${path.slice(slash)}`, bytes);
        const custom = this.custom.get(path);
        return [path, { length: bytes.length, hashes: { sha256: hash }, ...(custom === undefined ? {} : { custom }) }];
      }),
    );
    const { targets: signer, snapshot, timestamp } = this.keys;
    const meta: Record<string, object> = {};
    const top: Pick<Targets, "targets" | "delegations"> = { targets: bins ? {} : named };
    if (bins) {
      const prefixes = [...new Set(Object.keys(named).map((path) => sha256(path).slice(0, 2)))];
      this.versions.bin++;
      for (const prefix of prefixes) {
        const targets = Object.fromEntries(Object.entries(named).filter(([path]) => sha256(path).startsWith(prefix)));
        meta[`bin-${prefix}.json`] = await this.#put(
          `bin-${prefix}`,
          this.versions.bin,
          { _type: "targets", targets },
          signer,
          lifeMs,
        );
      }
      top.delegations = {
        keys: { [signer.keyid]: signer.key },
        roles: prefixes.map((prefix) => ({
          name: `bin-${prefix}`,
          keyids: [signer.keyid],
          threshold: 1,
          terminating: true,
          path_hash_prefixes: [prefix],
        })),
      };
    }
    meta["targets.json"] = await this.#put(
      "targets",
      ++this.versions.targets,
      { _type: "targets", ...top },
      signer,
      lifeMs,
    );
    const listed = await this.#put("snapshot", ++this.versions.snapshot, { _type: "snapshot", meta }, snapshot, lifeMs);
    await this.#put(
      "timestamp",
      ++this.versions.timestamp,
      { _type: "timestamp", meta: { "snapshot.json": listed } },
      timestamp,
      lifeMs,
    );
  }

  async #put(role: string, version: number, says: object, signer: Signer, lifeMs: number) {
    const signed = { ...says, spec_version: TUF_VERSION, version, expires: tufTime(this.nowMs + lifeMs) };
    const text = await signMetadata(signed, [signer]);
    this.files.set(role === "timestamp" ? "timestamp.json" : `${version}.${role}.json`, text);
    return { version, length: Buffer.byteLength(text), hashes: { sha256: sha256(text) } };
  }

  /** The text of a file of metadata. */
  text(name: string): string {
    const file = this.files.get(name);
    if (typeof file !== "string") throw new Error(`no ${name}`);
    return file;
  }

  bytes(name: string): Uint8Array | undefined {
    const file = this.files.get(name);
    return typeof file === "string" ? new TextEncoder().encode(file) : file;
  }
}
