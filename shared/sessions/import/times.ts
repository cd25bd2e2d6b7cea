const YEAR_1990_MS = Date.UTC(1990, 0);
const YEAR_2200_MS = Date.UTC(2200, 0);

/**
 * A time as exports write it, in Unix milliseconds: seconds, milliseconds or microseconds as a number or its digits, or ISO 8601 (without a
 * zone it is UTC). Undefined where it is none, or none that a conversation can have.
 */
export function timeMs(value: unknown): number | undefined {
  if (typeof value === "number") return plausible(scaled(value));
  if (typeof value !== "string" || value.length > 64) return undefined;
  const text = value.trim();
  if (/^\d+(?:\.\d+)?$/.test(text)) return plausible(scaled(Number(text)));
  if (!/^\d{4}-\d\d-\d\d(?:[T ]|$)/.test(text)) return undefined;
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text) || text.length <= 10;
  return plausible(Date.parse(hasZone ? text : `${text.replace(" ", "T")}Z`));
}

function scaled(value: number): number {
  if (value >= 1e14) return value / 1000;
  return value >= 1e11 ? value : value * 1000;
}

function plausible(ms: number): number | undefined {
  return ms >= YEAR_1990_MS && ms < YEAR_2200_MS ? Math.round(ms) : undefined;
}
