import { CommandError } from "./command-error.ts";

/** The value of a flag that has a few; undefined where it was not given. Throws `bad_usage`. */
export function oneOf<T extends string>(flag: string, text: string | undefined, values: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  const value = values.find((known) => known === text);
  if (value !== undefined) return value;
  throw new CommandError("bad_usage", `--${flag} is one of ${values.join(", ")}, not "${text.slice(0, 80)}".`);
}
