import type { RE2JS } from "re2js";
import { cut } from "../shared/text.ts";

const MOST_COUNTED = 100_000;
/** What one match may take of an answer, and all of them. */
const MOST_MATCH = 500;
const MOST_ALL = 12_000;

export interface Match {
  match: string;
  /** Of groups, by name or number. */
  groups?: Record<string, string | null>;
  /** From 1. */
  line: number;
}

export interface Matches {
  matches: Match[];
  /** Of all, shown or not. */
  count: number;
  truncated: boolean;
}

export function findAll(pattern: RE2JS, text: string, limit: number): Matches {
  const matcher = pattern.matcher(text);
  const names = new Map(Object.entries(pattern.namedGroups()).map(([name, number]) => [number, name]));
  const matches: Match[] = [];
  let [count, line, seen, size] = [0, 1, 0, 0];
  let isCut = false;
  while (count < MOST_COUNTED && matcher.find()) {
    count++;
    if (matches.length >= limit || size > MOST_ALL) continue;
    const at = matcher.start();
    for (let next = text.indexOf("\n", seen); next >= 0 && next < at; next = text.indexOf("\n", seen)) {
      line++;
      seen = next + 1;
    }
    const whole = matcher.group() ?? "";
    isCut ||= whole.length > MOST_MATCH;
    const groups = Array.from({ length: pattern.groupCount() }, (_, index) => {
      const value = matcher.group(index + 1);
      return [names.get(index + 1) ?? String(index + 1), value === null ? null : cut(value, MOST_MATCH)] as const;
    });
    const match = {
      match: cut(whole, MOST_MATCH),
      ...(groups.length > 0 ? { groups: Object.fromEntries(groups) } : {}),
      line,
    };
    size += JSON.stringify(match).length;
    matches.push(match);
  }
  return { matches, count, truncated: isCut || matches.length < count || count === MOST_COUNTED };
}

/** All matches replaced; `$1` and `$<name>` stand for groups. */
export function replaceAll(pattern: RE2JS, text: string, replacement: string): { text: string; count: number } {
  const { count } = findAll(pattern, text, 0);
  return { text: pattern.matcher(text).replaceAll(replacement), count };
}
