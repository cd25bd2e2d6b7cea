import { parseArgs } from "node:util";
import { CommandError } from "./commands/command-error.ts";
import { FLAGS, type Flags } from "./commands/flags.ts";
import { COMMANDS, type CommandName } from "./commands/index.ts";
import { help } from "./commands/help.ts";
import { say, styled } from "./commands/terminal.ts";
import { endWith } from "./end-process.ts";
import { VERSION } from "./version.ts";

/** Runs one command line and returns its exit code: 0 done, 1 failed, 2 misused, 130 interrupted. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const { name, rest, flags } = parse(argv);
    // `models rm NAME --version V` means a version of the model.
    if (flags.version && rest.length < 3) return print(VERSION);
    if (flags.help || name === undefined) return print(help(name));
    return await COMMANDS[name].run(flags, rest);
  } catch (error) {
    if (error instanceof CommandError) {
      say(`${styled("red", "porchlight:")} ${error.message}`);
      return error.exitCode;
    }
    say(`${styled("red", "porchlight:")} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 1;
  }
}

function parse(argv: readonly string[]): { name: CommandName | undefined; rest: string[]; flags: Flags } {
  let parsed: { values: Flags; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true, strict: true });
  } catch (error) {
    // parseArgs' own sentences name the flag.
    throw new CommandError(
      "bad_usage",
      `${error instanceof Error ? error.message : String(error)} See 'porchlight --help'.`,
    );
  }
  const [word, ...rest] = parsed.positionals;
  if (word === undefined) return { name: undefined, rest, flags: parsed.values };
  if (!Object.hasOwn(COMMANDS, word)) {
    throw new CommandError("bad_usage", `There is no command "${word}". See 'porchlight --help'.`);
  }
  return { name: word as CommandName, rest, flags: parsed.values }; // an own key of COMMANDS
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

if (import.meta.main) endWith(await main(process.argv.slice(2)));
