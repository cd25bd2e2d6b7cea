/** Where a version's package waits until it is published: nobody installs it from there. */
export function submissionName(versionId: string): string {
  return `submissions/${versionId}`;
}

/** Where everybody finds a package by the hash of its manifest. */
export function packageName(hash: string): string {
  return `packages/${hash}`;
}
