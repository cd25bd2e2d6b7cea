import { mkdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PorchlightError } from "../../../shared/errors.ts";
import { adoptFolder } from "../store/adopt.ts";
import { commitVersion, reuseVersion, type StagedFile, type StoredVersion } from "../store/commit.ts";
import { hashFile } from "../store/file-hash.ts";
import { ignoreMissing } from "../store/file-system.ts";
import { takeKnownBlobs } from "../store/known-blobs.ts";
import { openStaging, type Staging } from "../store/model-store.ts";
import { tensorSpans } from "../store/tensor-spans.ts";
import { findVersion } from "../store/versions.ts";
import { type DownloadOptions, downloadFile } from "./download.ts";
import { HttpClient } from "./http.ts";
import { planPull } from "./plan.ts";
import type { RemoteFile } from "./remote-file.ts";
import { RETRY, type RetryTiming } from "./retry.ts";
import { checkModelName, describeSource, type Source } from "./source.ts";

export interface PullOptions {
  /** The folder that models are listed from. */
  modelsDir: string;
  endpoint: string;
  token?: string;
  /** Name of the model here; absent: what its source calls it. */
  name?: string;
  signal?: AbortSignal;
  onEvent?: (event: PullEvent) => void;
  /** Looks at config.json before the weights are downloaded; what it throws ends the pull. */
  inspectConfig?: (config: unknown) => void;
  retry?: RetryTiming;
  partBytes?: number;
  connections?: number;
  idleMs?: number;
}

export type PullEvent =
  | { type: "planned"; name: string; files: number; bytes: number }
  /** `bytes` more are here, downloaded now or by an interrupted pull (`kept`); negative where a file starts over. */
  | { type: "received"; bytes: number; kept: boolean }
  | { type: "checking"; file: string };

const PART_BYTES = 16 * 1024 * 1024;
const CONNECTIONS = 4;
/** Left free, so that a pull never fills a disk to the last byte. */
const SPARE_BYTES = 64 * 1024 * 1024;
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * Downloads a model into the store, where it appears whole or not at all, as the active version unless another is pinned. What the store
 * has of it already is not downloaded again, and an interrupted pull goes on where it stopped. Throws
 * `model_not_found`, `forbidden`, `model_source_invalid`, `model_download_failed`, `model_busy`, `disk_full` or the signal's reason.
 */
export async function pullModel(
  source: Exclude<Source, { kind: "path" }>,
  options: PullOptions,
): Promise<StoredVersion> {
  const { endpoint, token, idleMs, retry = RETRY, signal = new AbortController().signal } = options;
  const http = new HttpClient({
    tokenOrigin: new URL(endpoint).origin,
    ...(token === undefined ? {} : { token }),
    ...(idleMs === undefined ? {} : { idleMs }),
  });
  const plan = await planPull(source, { http, endpoint, retry, signal });
  const name = checkModelName(options.name ?? plan.name);
  await using staging = await openStaging(options.modelsDir, name);
  const bytes = plan.files.reduce((sum, file) => sum + file.bytes, 0);
  options.onEvent?.({ type: "planned", name, files: plan.files.length, bytes });
  // What lies there as a plain folder becomes a version: it may be just this, and it can be rolled back to.
  await adoptFolder(options.modelsDir, name, signal);
  const present = await findVersion(options.modelsDir, name, plan);
  if (present !== undefined) {
    const stored = await reuseVersion(options.modelsDir, name, present);
    await staging.discard();
    return stored;
  }
  const known = await takeKnownBlobs(options.modelsDir, staging.known, plan.files, signal);
  await checkSpace(staging, plan.files, bytes);
  const staged = await fetchAll(plan.files, known, staging, options, {
    http,
    retry,
    signal,
    partBytes: options.partBytes ?? PART_BYTES,
    connections: options.connections ?? CONNECTIONS,
  });
  signal.throwIfAborted();
  const stored = await commitVersion(options.modelsDir, name, staged, {
    source: describeSource(source),
    ...(plan.revision === undefined ? {} : { revision: plan.revision }),
  });
  await staging.discard();
  return stored;
}

/** Small files first: what is wrong with a model shows before its weights are downloaded. */
async function fetchAll(
  files: readonly RemoteFile[],
  known: ReadonlyMap<string, StagedFile>,
  staging: Staging,
  { onEvent, inspectConfig }: PullOptions,
  transfer: Omit<DownloadOptions, "onReceived">,
): Promise<StagedFile[]> {
  const arrived: StagedFile[] = [];
  for (const file of files.toSorted((a, b) => a.bytes - b.bytes)) {
    const here = known.get(file.name);
    if (here !== undefined) onEvent?.({ type: "received", bytes: file.bytes, kept: true });
    const staged = here ?? (await fetchFile(file, staging, transfer, onEvent));
    arrived.push(staged);
    // A ready-made graph is one of any architecture.
    const isGraph = files.some(({ name }) => name.endsWith(".onnx"));
    if (file.name === "config.json" && !isGraph) inspectConfig?.(await readConfigFile(staged.path, file.bytes));
  }
  return arrived;
}

/** Brings one file into `staging.files`, checked. */
async function fetchFile(
  file: RemoteFile,
  staging: Staging,
  transfer: Omit<DownloadOptions, "onReceived">,
  onEvent: PullOptions["onEvent"],
): Promise<StagedFile> {
  const [whole, part] = [join(staging.files, file.name), join(staging.parts, file.name)];
  await Promise.all([whole, part].map((path) => mkdir(dirname(path), { recursive: true })));
  // What an interrupted pull had finished goes through the same checks again: its journal says whether it is this file, its hash the rest.
  await rename(whole, part).catch(ignoreMissing);
  let kept = true; // the first report is of what an earlier run left
  await downloadFile(file, part, {
    ...transfer,
    onReceived: (bytes) => {
      onEvent?.({ type: "received", bytes, kept });
      kept = false;
    },
  });
  onEvent?.({ type: "checking", file: file.name });
  const spans = await tensorSpans(part, file.name);
  const byGit = file.sha256 === undefined && file.gitId !== undefined;
  const found = await hashFile(part, file.bytes, { spans: spans ?? [], git: byGit, signal: transfer.signal });
  const [kind, expected, got] = byGit
    ? ["Git id", file.gitId, found.gitId]
    : ["SHA-256", file.sha256 ?? found.sha256, found.sha256];
  if (expected !== got) {
    await Promise.all([part, `${part}.journal`].map((path) => rm(path, { force: true })));
    const message = `${file.name} is not what its source promised: its ${kind} is ${got}, not ${expected}. It was thrown away; pull again, or from another source.`;
    throw new PorchlightError("model_source_invalid", message);
  }
  await rename(part, whole);
  const { sha256, tensors } = found;
  return { path: whole, name: file.name, bytes: file.bytes, sha256, ...(spans === undefined ? {} : { tensors }) };
}

/** Throws `disk_full` before a byte is downloaded that would not fit. */
async function checkSpace(staging: Staging, files: readonly RemoteFile[], bytes: number): Promise<void> {
  const present = files.flatMap(({ name }) =>
    [staging.files, staging.parts, staging.known].map((folder) => join(folder, name)),
  );
  const sizes = await Promise.all(present.map(async (path) => (await stat(path).catch(ignoreMissing))?.blocks ?? 0));
  const heldBytes = sizes.reduce((sum, blocks) => sum + blocks * 512, 0);
  const { bavail, bsize } = await statfs(staging.parts);
  const missingBytes = bytes + SPARE_BYTES - heldBytes - bavail * bsize;
  if (missingBytes <= 0) return;
  throw new PorchlightError(
    "disk_full",
    `The model takes ${gigabytes(bytes)} and the disk lacks ${gigabytes(missingBytes)} for it. Free some space, then pull again.`,
  );
}

async function readConfigFile(path: string, bytes: number): Promise<unknown> {
  if (bytes > MAX_CONFIG_BYTES)
    throw new PorchlightError("model_source_invalid", "config.json is larger than any should be.");
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new PorchlightError("model_source_invalid", "The model's config.json is not valid JSON.", { cause });
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
