import { z } from "zod";
import { PorchlightError } from "../../../shared/errors.ts";
import { hostOf, type HttpClient, readJson } from "./http.ts";

/** A file as the hub lists it. */
export interface HubFile {
  /** Path inside the repository. */
  path: string;
  bytes: number;
  sha256?: string;
  gitId?: string;
}

export interface HubRepository {
  repo: string;
  /** The commit that the revision names now: what is downloaded does not change under the download. */
  commit: string;
  files: HubFile[];
}

const MAX_LISTING_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 20_000;
/** No single file of an open model comes near it; a size beyond is a lie or a mistake. */
const MAX_FILE_BYTES = 2 ** 42;

const bytesSchema = z.number().int().nonnegative().max(MAX_FILE_BYTES);
const listingSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z
    .array(
      z.object({
        rfilename: z.string().min(1).max(1024),
        size: bytesSchema.nullish(),
        blobId: z
          .string()
          .regex(/^[0-9a-f]{40}$/)
          .nullish(),
        lfs: z.object({ size: bytesSchema, sha256: z.string().regex(/^[0-9a-f]{64}$/) }).nullish(),
      }),
    )
    .max(MAX_FILES),
});

/** Lists a repository at a revision. Throws as `HttpClient.get` does, and `model_source_invalid` for a listing that cannot be. */
export async function listRepository(
  http: HttpClient,
  endpoint: string,
  { repo, revision }: { repo: string; revision: string },
  signal: AbortSignal,
): Promise<HubRepository> {
  const url = `${endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const parsed = listingSchema.safeParse(await readJson(await http.get(url, { signal }), MAX_LISTING_BYTES));
  if (!parsed.success) {
    throw new PorchlightError(
      "model_source_invalid",
      `${hostOf(endpoint)} did not list ${repo} as a hub does: ${z.prettifyError(parsed.error)}`,
    );
  }
  const files = parsed.data.siblings.map(({ rfilename, size, blobId, lfs }): HubFile => {
    refuseTricks(rfilename, repo);
    // The git id of a file in large file storage is that of its pointer, not of its content.
    const hash = lfs ? { sha256: lfs.sha256 } : blobId ? { gitId: blobId } : {};
    const bytes = lfs?.size ?? size;
    if (bytes === null || bytes === undefined || (lfs && size !== null && size !== undefined && size !== lfs.size)) {
      throw new PorchlightError(
        "model_source_invalid",
        `${hostOf(endpoint)} does not say clearly how large ${rfilename} of ${repo} is.`,
      );
    }
    return { path: rfilename, bytes, ...hash };
  });
  return { repo, commit: parsed.data.sha, files };
}

/** The address of a file's content. */
export function contentUrl(endpoint: string, { repo, commit }: HubRepository, path: string): string {
  return `${endpoint}/${repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Git can hold no such names: who lists them means harm. */
function refuseTricks(path: string, repo: string): void {
  const isTrick =
    path.startsWith("/") ||
    path.includes("\0") ||
    path.split(/[/\\]/).some((segment) => segment === "" || segment === "." || segment === "..");
  if (isTrick)
    throw new PorchlightError(
      "model_source_invalid",
      `${repo} lists the file ${JSON.stringify(path.slice(0, 120))}, which points outside of it. Nothing was downloaded.`,
    );
}
