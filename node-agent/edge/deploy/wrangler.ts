import { spawn } from "node:child_process";
import { join } from "node:path";
import { CommandError } from "../../commands/command-error.ts";
import { ROOT } from "../build.ts";

export interface WranglerAnswer {
  code: number | null;
  stdout: string;
  /** Both streams as they came, for people and for telling one failure from another. */
  output: string;
}

/** How wrangler is run. It takes the account from CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or from 'wrangler login'. */
export type RunWrangler = (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<WranglerAnswer>;

const QUIET = { WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", FORCE_COLOR: "0" };
const MAX_OUTPUT = 4 * 1024 * 1024;

/** Runs the wrangler of this checkout, which asks nothing: its input is closed. */
export const runWrangler: RunWrangler = async (args, env = {}) => {
  const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...QUIET, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let output = "";
  child.stdout.on("data", (piece: Buffer) => {
    stdout = (stdout + piece.toString()).slice(-MAX_OUTPUT);
    output = (output + piece.toString()).slice(-MAX_OUTPUT);
  });
  child.stderr.on("data", (piece: Buffer) => (output = (output + piece.toString()).slice(-MAX_OUTPUT)));
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, output: output.trim() }));
  });
};

/** Runs a step that has to work. Throws CommandError with wrangler's own words. */
export async function mustRun(
  run: RunWrangler,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<WranglerAnswer> {
  const answer = await run(args, env);
  if (answer.code === 0) return answer;
  throw new CommandError("request_failed", `'wrangler ${args.slice(0, 3).join(" ")}' failed:\n${answer.output}`);
}
