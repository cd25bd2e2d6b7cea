import type { Installed } from "./installed.ts";

const MOST_CHARACTERS = 64;

/** One tool of an installed plugin, by the name that a model calls it. */
export interface NamedTool {
  name: string;
  installed: Installed;
  tool: Installed["tools"][number];
}

/**
 * Names for the tools of one person's plugins, each once: `plugin__tool`; `publisher-plugin__tool` where two publishers' plugins have the
 * same name. What is too long is cut, with a digest of the whole in its place.
 */
export function namedTools(all: readonly Installed[]): NamedTool[] {
  const shortOf = ({ name }: Installed): string => name.slice(name.indexOf("/") + 1);
  const counts = new Map<string, number>();
  for (const one of all) counts.set(shortOf(one), (counts.get(shortOf(one)) ?? 0) + 1);
  return all.flatMap((installed) => {
    const short = shortOf(installed);
    const own = counts.get(short) === 1 ? short : installed.name.slice(1).replace("/", "-");
    return installed.tools.map((tool) => ({ name: fitting(`${own}__${tool.name}`), installed, tool }));
  });
}

function fitting(name: string): string {
  if (name.length <= MOST_CHARACTERS) return name;
  const digest = fnv1a(name).toString(16).padStart(8, "0");
  return `${name.slice(0, MOST_CHARACTERS - 9)}_${digest}`;
}

/** FNV-1a, 32 bits: it only has to tell a person's own tools apart. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}
