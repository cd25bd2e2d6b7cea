/** A count of parameters, for people: 494M, 1.5B. */
export function formatParameters(count: number): string {
  return count >= 999.5e6 ? `${Number((count / 1e9).toFixed(1))}B` : `${Number((count / 1e6).toPrecision(3))}M`;
}

/** Bytes in decimal units, as hubs and disks give them. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${Math.ceil(bytes / 1e3)} kB`;
}

/** Rows under a head, in columns. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
