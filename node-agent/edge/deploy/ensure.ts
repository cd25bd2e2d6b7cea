import { z } from "zod";
import { CommandError } from "../../commands/command-error.ts";
import { mustRun, type RunWrangler } from "./wrangler.ts";

const databasesSchema = z.array(z.looseObject({ uuid: z.string(), name: z.string() }));

/** The id of the D1 database of this name, which is made if there is none. */
export async function ensureDatabase(run: RunWrangler, name: string, made: (what: string) => void): Promise<string> {
  const known = await findDatabase(run, name);
  if (known !== undefined) return known;
  await mustRun(run, ["d1", "create", name]);
  made(`D1 database ${name}`);
  const id = await findDatabase(run, name);
  if (id !== undefined) return id;
  throw new CommandError(
    "request_failed",
    `Cloudflare made the D1 database ${name}, but does not list it yet. Run the command again.`,
  );
}

async function findDatabase(run: RunWrangler, name: string): Promise<string | undefined> {
  const { stdout } = await mustRun(run, ["d1", "list", "--json"]);
  return parseJson(databasesSchema, stdout, "d1 list").find((database) => database.name === name)?.uuid;
}

/** Wrangler lists buckets for people only: `name: NAME`, a line each. */
export async function ensureBucket(run: RunWrangler, name: string, made: (what: string) => void): Promise<void> {
  const { stdout } = await mustRun(run, ["r2", "bucket", "list"]);
  if (stdout.split("\n").some((line) => /^name:\s+(\S+)$/.exec(line.trim())?.[1] === name)) return;
  await mustRun(run, ["r2", "bucket", "create", name]);
  made(`R2 bucket ${name}`);
}

export async function ensureQueue(run: RunWrangler, name: string, made: (what: string) => void): Promise<void> {
  const info = await run(["queues", "info", name]);
  if (info.code === 0) return;
  // Anything else, such as a token without the right to see queues, must not look like a queue that is missing.
  if (!/does not exist/i.test(info.output))
    throw new CommandError("request_failed", `'wrangler queues info' failed:\n${info.output}`);
  await mustRun(run, ["queues", "create", name]);
  made(`queue ${name}`);
}

/** Names of the secrets that the Worker has; none if it has not been deployed yet. */
export async function secretsOf(run: RunWrangler, config: string): Promise<string[]> {
  const answer = await run(["secret", "list", "--format", "json", "--config", config]);
  if (answer.code === 0) {
    return parseJson(z.array(z.looseObject({ name: z.string() })), answer.stdout, "secret list").map(
      ({ name }) => name,
    );
  }
  // Cloudflare's code for a Worker that it does not know.
  if (/10007|Worker .* not found/i.test(answer.output)) return [];
  throw new CommandError("request_failed", `'wrangler secret list' failed:\n${answer.output}`);
}

function parseJson<T>(schema: z.ZodType<T>, text: string, what: string): T {
  try {
    // Warnings may come before the array.
    return schema.parse(JSON.parse(text.slice(Math.max(0, text.search(/^\[/m)))));
  } catch (cause) {
    const message = `'wrangler ${what}' answered in a form that is not known here:\n${text.slice(0, 500)}`;
    throw new CommandError("request_failed", message, { cause });
  }
}
