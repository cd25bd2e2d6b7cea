import { fnv1a } from "../plugins/tool-names.ts";

const MOST_CHARACTERS = 64;

/**
 * What a model calls a mounted server's tool: `mcp-files__read_file`. What does not fit is cut or replaced, with a digest of the whole
 * behind it.
 */
export function toolName(server: string, tool: string): string {
  const whole = `mcp-${server}__${tool}`;
  const plain = whole.toLowerCase().replaceAll(/[^a-z0-9_-]/g, "_");
  if (plain === whole && whole.length <= MOST_CHARACTERS) return whole;
  return `${plain.slice(0, MOST_CHARACTERS - 9)}_${fnv1a(whole).toString(16).padStart(8, "0")}`;
}
