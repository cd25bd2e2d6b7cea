import { PorchlightError } from "../../errors.ts";
import { toHex } from "../../plugin/hex.ts";
import { isSigned } from "./keys.ts";
import { TUF_LIMITS } from "./limits.ts";
import {
  type MetaFile,
  readMetadata,
  type Root,
  rootSchema,
  type Signed,
  type Snapshot,
  snapshotSchema,
  type Target,
  type Targets,
  targetsSchema,
  type Timestamp,
  timestampSchema,
} from "./metadata.ts";

/** What was trusted last, by name: `root`, `timestamp`, `snapshot`, `targets`, `bin-0a`. */
export interface TrustStore {
  get(name: string): Promise<string | undefined>;
  /** `undefined`: forget it. All or nothing. */
  set(entries: Readonly<Record<string, string | undefined>>): Promise<void>;
}

export interface TrustOptions {
  /** A file of metadata, such as `3.root.json`; undefined: there is none. Never more than `mostBytes`: what is longer is refused. */
  fetchMetadata: (file: string, mostBytes: number) => Promise<Uint8Array | undefined>;
  /** The file of a target, under its consistent name. */
  fetchTarget: (path: string, mostBytes: number) => Promise<Uint8Array | undefined>;
  store: TrustStore;
  now: () => number;
}

/**
 * Follows a market by the client workflow of the TUF specification 1.0 (section 5), from a root that is trusted already. Whatever is
 * older than before, has expired, does not belong together, is not signed by whom it should be, or is not the file that was promised
 * is refused by name, and what was trusted stays. Throws PorchlightError `market_rollback`, `market_freeze`, `market_mix_and_match`,
 * `market_wrong_signature`, `market_arbitrary_package` or `market_unreadable`.
 */
export class TrustClient {
  readonly #options: TrustOptions;
  #root: Root | undefined;
  #snapshot: Snapshot | undefined;
  #targets: Targets | undefined;

  constructor(options: TrustOptions) {
    this.#options = options;
  }

  /** Brings what is trusted up to date. */
  async refresh(): Promise<void> {
    const nowMs = this.#options.now();
    const root = await this.#updateRoot(nowMs);
    const timestamp = await this.#updateTimestamp(root, nowMs);
    const snapshot = await this.#updateSnapshot(root, timestamp, nowMs);
    const targets = await this.#update({
      name: "targets",
      role: { ...root.roles.targets, keys: root.keys },
      listed: snapshot.meta["targets.json"],
      nowMs,
    });
    [this.#root, this.#snapshot, this.#targets] = [root, snapshot, targets];
  }

  /** What the market says of a target; undefined: it has none of that path. After `refresh`. */
  async target(path: string): Promise<Target | undefined> {
    const [targets, snapshot] = [this.#targets, this.#snapshot];
    if (targets === undefined || snapshot === undefined) throw new TypeError("refresh() comes first.");
    const own = targets.targets[path];
    if (own !== undefined || targets.delegations === undefined) return own;
    const { keys, roles } = targets.delegations;
    const prefix = await sha256(new TextEncoder().encode(path));
    const fitting = roles.filter(({ path_hash_prefixes: prefixes }) => prefixes.some((one) => prefix.startsWith(one)));
    for (const role of fitting.slice(0, TUF_LIMITS.delegations)) {
      const delegated = await this.#update({
        name: role.name,
        role: { ...role, keys },
        listed: snapshot.meta[`${role.name}.json`],
        nowMs: this.#options.now(),
      });
      const found = delegated.targets[path];
      if (found !== undefined || role.terminating) return found;
    }
    return undefined;
  }

  /** The file of a target, held to its length and hash. */
  async download(path: string): Promise<Uint8Array> {
    const target = await this.target(path);
    if (target === undefined)
      throw new PorchlightError("market_arbitrary_package", `The market's metadata names no '${path}'.`);
    const slash = path.lastIndexOf("/") + 1;
    const file = `${path.slice(0, slash)}${target.hashes.sha256}.${path.slice(slash)}`;
    const bytes = await this.#options.fetchTarget(file, target.length);
    if (bytes === undefined) throw new PorchlightError("market_unreadable", `The market does not have '${path}'.`);
    if (bytes.length !== target.length || (await sha256(bytes)) !== target.hashes.sha256)
      throw new PorchlightError("market_arbitrary_package");
    return bytes;
  }

  /** The root that is trusted, and any newer ones that it leads to (5.3). */
  async #updateRoot(nowMs: number): Promise<Root> {
    const { store, fetchMetadata } = this.#options;
    const kept = await store.get("root");
    if (kept === undefined) throw new PorchlightError("market_unreadable", "There is no root to trust this market by.");
    const first = readMetadata(rootSchema, utf8.encode(kept));
    await requireSigned(first, first.signed, "root");
    let root = first.signed;
    for (let rotations = 0; rotations < TUF_LIMITS.rootRotations; rotations++) {
      const bytes = await fetchMetadata(`${root.version + 1}.root.json`, TUF_LIMITS.rootBytes);
      if (bytes === undefined) break;
      const next = readMetadata(rootSchema, bytes);
      await requireSigned(next, root, "root");
      await requireSigned(next, next.signed, "root");
      if (next.signed.version !== root.version + 1) throw rollback("root", next.signed.version, root.version + 1);
      // Whoever had the old keys may have signed versions so high that no honest one would ever be newer.
      const rotated = (["timestamp", "snapshot"] as const).some((name) => !sameKeys(root, next.signed, name));
      await store.set({
        root: decoder.decode(bytes),
        ...(rotated ? { timestamp: undefined, snapshot: undefined } : {}),
      });
      root = next.signed;
    }
    requireFresh("root", root, nowMs);
    return root;
  }

  /** 5.4. */
  async #updateTimestamp(root: Root, nowMs: number): Promise<Timestamp> {
    const { store, fetchMetadata } = this.#options;
    const kept = await this.#kept("timestamp", timestampSchema, root);
    const bytes = await fetchMetadata("timestamp.json", TUF_LIMITS.timestampBytes);
    if (bytes === undefined) throw new PorchlightError("market_unreadable", "The market has no timestamp.json.");
    const next = readMetadata(timestampSchema, bytes);
    await requireSigned(next, root, "timestamp");
    const { signed } = next;
    if (kept !== undefined) {
      if (signed.version < kept.version) throw rollback("timestamp", signed.version, kept.version);
      const [was, is] = [kept.meta["snapshot.json"].version, signed.meta["snapshot.json"].version];
      if (is < was) throw rollback("snapshot", is, was);
      if (signed.version === kept.version) {
        requireFresh("timestamp", kept, nowMs);
        return kept;
      }
    }
    requireFresh("timestamp", signed, nowMs);
    await store.set({ timestamp: decoder.decode(bytes) });
    return signed;
  }

  /** 5.5. */
  async #updateSnapshot(root: Root, timestamp: Timestamp, nowMs: number): Promise<Snapshot> {
    const { store, fetchMetadata } = this.#options;
    const listed = timestamp.meta["snapshot.json"];
    const kept = await this.#kept("snapshot", snapshotSchema, root);
    if (kept?.version === listed.version) {
      requireFresh("snapshot", kept, nowMs);
      return kept;
    }
    const file = `${listed.version}.snapshot.json`;
    const bytes = await fetchMetadata(file, listed.length ?? TUF_LIMITS.snapshotBytes);
    const next = await this.#listed(file, bytes, listed, snapshotSchema);
    await requireSigned(next, root, "snapshot");
    requireVersion("snapshot", next.signed.version, listed.version);
    for (const [name, { version }] of Object.entries(kept?.meta ?? {})) {
      const now = next.signed.meta[name];
      if (now === undefined || now.version < version) throw rollback(name, now?.version ?? 0, version);
    }
    requireFresh("snapshot", next.signed, nowMs);
    await store.set({ snapshot: decoder.decode(bytes) });
    return next.signed;
  }

  /** Targets, the market's own or delegated (5.6). */
  async #update({ name, role, listed, nowMs }: Wanted): Promise<Targets> {
    const { store, fetchMetadata } = this.#options;
    if (listed === undefined)
      throw new PorchlightError("market_mix_and_match", `The market's snapshot does not name '${name}'.`);
    const kept = await store.get(name);
    if (kept !== undefined) {
      const bytes = utf8.encode(kept);
      const read = readMetadata(targetsSchema, bytes);
      const isListed = read.signed.version === listed.version && (await fits(bytes, listed));
      if (isListed && (await isSigned(read, role, role.keys))) {
        requireFresh(name, read.signed, nowMs);
        return read.signed;
      }
    }
    const file = `${listed.version}.${name}.json`;
    const bytes = await fetchMetadata(file, listed.length ?? TUF_LIMITS.targetsBytes);
    const next = await this.#listed(file, bytes, listed, targetsSchema);
    if (!(await isSigned(next, role, role.keys))) throw wrongSignature(name);
    requireVersion(name, next.signed.version, listed.version);
    requireFresh(name, next.signed, nowMs);
    await store.set({ [name]: decoder.decode(bytes) });
    return next.signed;
  }

  /** A file that other metadata names by its hash: another one does not belong to it. */
  async #listed<T extends { version: number }>(
    file: string,
    bytes: Uint8Array | undefined,
    listed: MetaFile,
    schema: Parameters<typeof readMetadata<T>>[0],
  ): Promise<Signed<T>> {
    if (bytes === undefined) throw new PorchlightError("market_unreadable", `The market does not have ${file}.`);
    if (!(await fits(bytes, listed)))
      throw new PorchlightError("market_mix_and_match", `${file} is not the one that the market's metadata names.`);
    return readMetadata(schema, bytes);
  }

  /** What was trusted before, unless its keys are others by now: then it says nothing any more. */
  async #kept<T>(
    name: "timestamp" | "snapshot",
    schema: Parameters<typeof readMetadata<T>>[0],
    root: Root,
  ): Promise<T | undefined> {
    const kept = await this.#options.store.get(name);
    if (kept === undefined) return undefined;
    const read = readMetadata(schema, utf8.encode(kept));
    return (await isSigned(read, root.roles[name], root.keys)) ? read.signed : undefined;
  }

  /** The version of the root that is trusted. */
  get rootVersion(): number | undefined {
    return this.#root?.version;
  }
}

interface Wanted {
  name: string;
  role: { keyids: readonly string[]; threshold: number; keys: Root["keys"] };
  listed: MetaFile | undefined;
  nowMs: number;
}

const utf8 = new TextEncoder();
const decoder = new TextDecoder();

async function requireSigned(
  read: Signed<unknown>,
  by: Root,
  role: "root" | "timestamp" | "snapshot" | "targets",
): Promise<void> {
  if (!(await isSigned(read, by.roles[role], by.keys))) throw wrongSignature(role);
}

async function fits(bytes: Uint8Array, { length, hashes }: MetaFile): Promise<boolean> {
  if (length !== undefined && bytes.length !== length) return false;
  return hashes === undefined || (await sha256(bytes)) === hashes.sha256;
}

function requireFresh(name: string, { expires }: { expires: string }, nowMs: number): void {
  if (Date.parse(expires) > nowMs) return;
  throw new PorchlightError(
    "market_freeze",
    `The market's ${name} expired on ${expires}: somebody may be holding it back.`,
  );
}

function requireVersion(name: string, version: number, wanted: number): void {
  if (version === wanted) return;
  throw new PorchlightError(
    "market_mix_and_match",
    `The market's ${name} is version ${version}, not ${wanted} as is named.`,
  );
}

function rollback(name: string, version: number, before: number): PorchlightError {
  return new PorchlightError("market_rollback", `The market's ${name} went back from version ${before} to ${version}.`);
}

function wrongSignature(name: string): PorchlightError {
  return new PorchlightError(
    "market_wrong_signature",
    `The market's ${name} is not signed by the keys that are trusted.`,
  );
}

function sameKeys(one: Root, other: Root, role: "timestamp" | "snapshot"): boolean {
  const keysOf = (root: Root): string =>
    root.roles[role].keyids
      .map((id) => root.keys[id]?.keyval.public ?? "")
      .toSorted()
      .join();
  return keysOf(one) === keysOf(other);
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))));
}
