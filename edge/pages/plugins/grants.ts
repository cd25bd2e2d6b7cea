import type { Permissions } from "../../../shared/plugin/manifest.ts";

const NOTHING: Permissions = { net: [], model: false, storageBytes: 0, files: false, secrets: [], tools: [] };

/** One thing that may be granted or withdrawn by itself. */
export interface Grantable {
  /** Its name in a form: `net:api.example.com`, `model`. */
  key: string;
  /** This permission alone. */
  permissions: Permissions;
}

/** Permissions one by one, the dangerous first. */
export function grantsOf({
  net,
  model,
  storageBytes,
  files,
  secrets,
  tools,
  turns,
  schedule,
}: Permissions): Grantable[] {
  const one = (key: string, part: Partial<Permissions>): Grantable => ({ key, permissions: { ...NOTHING, ...part } });
  return [
    ...net.map((host) => one(`net:${host}`, { net: [host] })),
    ...(files ? [one("files", { files })] : []),
    ...(turns === undefined ? [] : [one("turns", { turns })]),
    ...secrets.map((name) => one(`secrets:${name}`, { secrets: [name] })),
    ...(model ? [one("model", { model })] : []),
    ...tools.map((name) => one(`tools:${name}`, { tools: [name] })),
    ...(schedule === undefined ? [] : [one("schedule", { schedule })]),
    ...(storageBytes > 0 ? [one(`storage:${storageBytes}`, { storageBytes })] : []),
  ];
}

/** The permissions that these names stand for. */
export function permissionsOf(keys: readonly string[]): Permissions {
  const behind = (word: string): string[] =>
    keys.filter((key) => key.startsWith(`${word}:`)).map((key) => key.slice(word.length + 1));
  return {
    net: behind("net"),
    model: keys.includes("model"),
    storageBytes: Number(behind("storage")[0] ?? 0),
    files: keys.includes("files"),
    secrets: behind("secrets"),
    tools: behind("tools"),
    ...(keys.includes("turns") ? { turns: "read" as const } : {}),
    ...(keys.includes("schedule") ? { schedule: true as const } : {}),
  };
}
