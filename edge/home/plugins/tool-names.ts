import type { Installed } from "./installed.ts";

const MOST_CHARACTERS = 64;

/** One tool of an installed plugin, by the name that a model calls it. */
export interface NamedTool {
  name: string;
  installed: Installed;
  tool: Installed["tools"][number];
}

/** Names of mounted servers' tools begin so: see edge/home/mcp/tool-name.ts. */
const MOUNTED = "mcp-";

/**
 * Names for the tools of one person's plugins, each once: `plugin__tool`; `publisher-plugin__tool` where two publishers' plugins have the
 * same name, or it could be a mounted server's. What is too long is cut, with a digest of the whole in its place, and so is what another
 * plugin has: no plugin takes a name away from another.
 */
export function namedTools(all: readonly Installed[]): NamedTool[] {
  const shortOf = ({ name }: Installed): string => name.slice(name.indexOf("/") + 1);
  const counts = new Map<string, number>();
  for (const one of all) counts.set(shortOf(one), (counts.get(shortOf(one)) ?? 0) + 1);
  const named = all.flatMap((installed) => {
    const short = shortOf(installed);
    const whole = installed.name.slice(1).replace("/", "-");
    const own = counts.get(short) === 1 && !short.startsWith(MOUNTED) ? short : whole;
    const prefix = own.startsWith(MOUNTED) ? `plugin-${own}` : own;
    return installed.tools.map((tool) => ({ name: fitting(`${prefix}__${tool.name}`), installed, tool }));
  });
  const times = new Map<string, number>();
  for (const { name } of named) times.set(name, (times.get(name) ?? 0) + 1);
  return named.map((one) =>
    times.get(one.name) === 1 ? one : { ...one, name: digested(one.name, `${one.installed.name} ${one.tool.name}`) },
  );
}

function fitting(name: string): string {
  return name.length <= MOST_CHARACTERS ? name : digested(name, name);
}

function digested(name: string, of: string): string {
  return `${name.slice(0, MOST_CHARACTERS - 9)}_${fnv1a(of).toString(16).padStart(8, "0")}`;
}

/** FNV-1a, 32 bits: it only has to tell a person's own tools apart. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}
