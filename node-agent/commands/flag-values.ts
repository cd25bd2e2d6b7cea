import { keepAliveSchema } from "../../shared/inference/request.ts";
import { CommandError } from "./command-error.ts";

/** The value of a flag that has a few; undefined where it was not given. Throws `bad_usage`. */
export function oneOf<T extends string>(flag: string, text: string | undefined, values: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  const value = values.find((known) => known === text);
  if (value !== undefined) return value;
  throw new CommandError("bad_usage", `--${flag} is one of ${values.join(", ")}, not "${text.slice(0, 80)}".`);
}

/** A whole number above 0, and at most `most`; undefined where it was not given. Throws `bad_usage`. */
export function count(flag: string, text: string | undefined, most = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= most) return value;
  const limit = most === Number.MAX_SAFE_INTEGER ? "such as 8192" : `of at most ${most}`;
  throw new CommandError("bad_usage", `--${flag} is a whole number ${limit}, not "${text.slice(0, 80)}".`);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** A number of bytes, such as 8GB or 500MB; undefined where it was not given. Throws `bad_usage`. */
export function byteSize(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMGT]?B)?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(digits) * (UNITS[unit.toUpperCase()] ?? Number.NaN));
  if (bytes > 0 && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new CommandError("bad_usage", `--${flag} is a size such as 8GB or 500MB, not "${text.slice(0, 80)}".`);
}

const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600 };

/** Milliseconds of a time such as 30s, 5m or 1h, as Ollama takes it (a plain number is seconds); -1 for ever. Throws `bad_usage`. */
export function duration(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "forever" || text.startsWith("-")) return -1;
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)([smh])?$/.exec(text) ?? [];
  const ms = Math.round(Number(digits) * (SECONDS[unit] ?? Number.NaN) * 1000);
  if (keepAliveSchema.safeParse(ms).success) return ms;
  const message = `--${flag} is a time such as 30s, 5m or 1h of at most 24 days, or forever, not "${text.slice(0, 80)}".`;
  throw new CommandError("bad_usage", message);
}
