import { basename } from "node:path";
import { PorchlightError } from "../../../shared/errors.ts";
import { isGguf, modelNameOf } from "../model-files.ts";
import { canBeTogether } from "../store/manifest.ts";
import { chooseFiles } from "./choose-files.ts";
import { hostOf, type HttpClient } from "./http.ts";
import { contentUrl, listRepository } from "./hub.ts";
import type { RemoteFile } from "./remote-file.ts";
import { type RetryTiming, withRetries } from "./retry.ts";
import type { Source } from "./source.ts";

/** What is to be downloaded, and the name that suits it. */
export interface Plan {
  name: string;
  /** The hub's commit; of a plain address, what its server calls the file's version. */
  revision?: string;
  files: RemoteFile[];
}

/** Finds out which files a source's model consists of. Throws what `listRepository` and `chooseFiles` do. */
export async function planPull(
  source: Exclude<Source, { kind: "path" }>,
  { http, endpoint, retry, signal }: { http: HttpClient; endpoint: string; retry: RetryTiming; signal: AbortSignal },
): Promise<Plan> {
  const plan = await withRetries(retry, signal, async () =>
    source.kind === "hub" ? await planHub(source, http, endpoint, signal) : await planUrl(source.url, http, signal),
  );
  if (canBeTogether(plan.files)) return plan;
  const names = plan.files.map(({ name }) => JSON.stringify(name.slice(0, 120))).join(", ");
  const message = `The model's files have names that cannot be kept here: ${names.slice(0, 2000)}. Nothing was downloaded.`;
  throw new PorchlightError("model_source_invalid", message);
}

async function planHub(
  source: Extract<Source, { kind: "hub" }>,
  http: HttpClient,
  endpoint: string,
  signal: AbortSignal,
): Promise<Plan> {
  const repository = await listRepository(http, endpoint, source, signal);
  const chosen = chooseFiles(repository, source.wanted);
  const files = chosen.files.map(({ path, ...file }) => ({
    ...file,
    // A GGUF file is alone in its folder; what belongs to others keeps its place among them.
    name: isGguf(path) ? basename(path) : path.slice(chosen.prefix.length),
    url: contentUrl(endpoint, repository, path),
  }));
  const [first] = files;
  const name = first && isGguf(first.name) ? modelNameOf(first.name) : basename(source.repo);
  return { name, revision: repository.commit, files };
}

/** A plain address is one .gguf file, of which its server says size and version. */
async function planUrl(url: string, http: HttpClient, signal: AbortSignal): Promise<Plan> {
  const name = decodeURIComponent(basename(new URL(url).pathname));
  if (!/^[A-Za-z0-9][\w.-]*\.gguf$/i.test(name)) {
    throw new PorchlightError(
      "invalid_request",
      `${url.slice(0, 200)} does not end in the name of a .gguf file. Only those can be pulled from a plain address.`,
    );
  }
  const { response } = await http.get(url, { range: { start: 0, end: 1 }, signal });
  await response.body?.cancel();
  const total =
    response.status === 206
      ? /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]
      : response.headers.get("content-length");
  const bytes = Number(total ?? Number.NaN);
  if (!Number.isSafeInteger(bytes))
    throw new PorchlightError("model_source_invalid", `${hostOf(url)} does not say how large ${name} is.`);
  const version = response.headers.get("etag") ?? response.headers.get("last-modified");
  return {
    name: modelNameOf(name),
    // Where there is no hash, this tells whether the file has changed.
    ...(version === null ? {} : { revision: version.slice(0, 128) }),
    files: [{ name, url, bytes, ...(version === null ? {} : { version }) }],
  };
}
