/** A file to download, and what its source promises about it. */
export interface RemoteFile {
  /** Name in the model's folder: see `isFileName`. */
  name: string;
  url: string;
  bytes: number;
  /** SHA-256 of the content in hex. */
  sha256?: string;
  /** Git's object id of the content: SHA-1 over `blob SIZE\0` and the content, in hex. */
  gitId?: string;
  /** The version as the server names it (ETag), where there is no hash. */
  version?: string;
}

/** What two downloads have in common if and only if they fetch the same bytes. */
export function identityOf(file: RemoteFile): string {
  return [file.sha256 ?? file.gitId ?? file.version ?? file.url, file.bytes].join(" ");
}
