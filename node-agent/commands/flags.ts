import { CommandError } from "./command-error.ts";

/** Every flag of every command: one meaning each. */
export const FLAGS = {
  port: { type: "string" },
  "local-port": { type: "string" },
  data: { type: "string" },
  model: { type: "string" },
  quantization: { type: "string" },
  provider: { type: "string" },
  memory: { type: "string" },
  context: { type: "string" },
  "keep-alive": { type: "string" },
  "kv-disk": { type: "string" },
  draft: { type: "string" },
  threads: { type: "string" },
  ask: { type: "string" },
  as: { type: "string" },
  weights: { type: "string" },
  block: { type: "string" },
  embedding: { type: "string" },
  "output-layer": { type: "string" },
  recipe: { type: "string" },
  method: { type: "string" },
  calibration: { type: "string" },
  text: { type: "string" },
  host: { type: "string" },
  origin: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
  "trusted-proxy": { type: "string" },
  "http-port": { type: "string" },
  "give-up-after": { type: "string" },
  "passphrase-file": { type: "string" },
  "phrase-file": { type: "string" },
  out: { type: "string" },
  "root-key": { type: "string" },
  "dry-run": { type: "boolean" },
  link: { type: "boolean" },
  force: { type: "boolean" },
  "canary-every": { type: "string" },
  pull: { type: "boolean" },
  unattended: { type: "boolean" },
  wait: { type: "boolean" },
  official: { type: "boolean" },
  versions: { type: "boolean" },
  yes: { type: "boolean", short: "y" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

export type Flags = {
  [Name in keyof typeof FLAGS]?: (typeof FLAGS)[Name]["type"] extends "boolean" ? boolean : string;
};

/** The port of a flag. Throws `bad_usage`. */
export function port(flags: Flags, name: "port" | "local-port" | "http-port", otherwise: number): number {
  const text = flags[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw new CommandError("bad_usage", `--${name} takes a port from 1 to 65535, not "${text}".`);
}

/** The text of a flag that was given. Throws `bad_usage` for an empty one. */
export function nonEmpty(text: string | undefined, flag: string): string | undefined {
  if (text !== undefined && text.trim() === "")
    throw new CommandError("bad_usage", `${flag} takes a value that is not empty.`);
  return text;
}

/** Throws `bad_usage` for words behind a command that takes none. */
export function takesNothing(command: string, rest: string[]): void {
  if (rest.length > 0)
    throw new CommandError(
      "bad_usage",
      `'porchlight ${command}' takes no "${rest[0]}". See 'porchlight ${command} --help'.`,
    );
}

type TextFlag = { [Name in keyof Flags]-?: Flags[Name] extends string | undefined ? Name : never }[keyof Flags];

/** Those of these flags that were given. Throws `bad_usage` for an empty one. */
export function given<Name extends TextFlag>(flags: Flags, ...names: Name[]): { [K in Name]?: string } {
  const texts: { [K in TextFlag]?: string } = flags;
  const parts = names.map((name) => optional(name, nonEmpty(texts[name], `--${name}`)));
  return Object.assign({}, ...parts) as { [K in Name]?: string }; // a part for each name
}

/** `{[key]: value}`, or nothing for undefined: exact optional properties have no undefined. */
export function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value }); // a computed key widens to string
}
