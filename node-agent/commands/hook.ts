import { z } from "zod";
import { askMarket as ask } from "../market/market-api.ts";
import { CommandError } from "./command-error.ts";
import { edgeAccess } from "./edge-access.ts";
import { agreed } from "./plugin-install.ts";
import { printable, say, styled } from "./terminal.ts";

export interface HookFlags {
  json: boolean;
  yes: boolean;
  data?: string;
  origin?: string;
}

const hookSchema = z.object({
  id: z.string(),
  url: z.string(),
  name: z.string(),
  plugin: z.string().nullable(),
  session: z.string().nullable(),
  signature: z.enum(["standard", "github"]),
  paused: z.string().nullable(),
  lastAt: z.string().nullable(),
  refused: z.number(),
});
const madeSchema = hookSchema.extend({ secret: z.string() });
const listSchema = z.object({ webhooks: z.array(hookSchema) });
const deliveriesSchema = z.object({
  deliveries: z.array(
    z.object({
      receivedAt: z.string(),
      state: z.string(),
      bytes: z.number(),
      messageId: z.string(),
      error: z.object({ message: z.string() }).nullable(),
    }),
  ),
});
const nothing = z.unknown();

const ADD = "porchlight hook add NAME @publisher/plugin | chat | SESSION [github]";

/** `porchlight hook`: addresses that other services send to. Those that this machine's key has made; the page /hooks has all. */
export async function hook(flags: HookFlags, [action = "list", ...rest]: string[]): Promise<number> {
  if (action === "list" && rest.length === 0) return await list(flags);
  if (action === "add" && rest.length >= 2 && rest.length <= 3) return await add(flags, rest);
  const [name, ...more] = rest;
  if (name !== undefined && more.length === 0) {
    if (action === "rotate") return await rotate(flags, name);
    if (action === "log") return await log(flags, name);
    if (action === "remove") return await remove(flags, name);
  }
  throw new CommandError("bad_usage", "'porchlight hook' cannot do that. See 'porchlight hook --help'.");
}

async function add(flags: HookFlags, [name, target = "", signature = "standard"]: string[]): Promise<number> {
  if (signature !== "standard" && signature !== "github")
    throw new CommandError("bad_usage", `Senders sign by Standard Webhooks, or as GitHub does: ${ADD}`);
  const where = target.startsWith("@") ? { plugin: target } : { session: target === "chat" ? null : target };
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const body = { name, ...where, signature, timeZone };
  const asked = { method: "POST", body, schema: madeSchema, what: "make this webhook" } as const;
  tell(flags, await ask(await edgeAccess(flags), "/api/hooks", asked));
  return 0;
}

async function rotate(flags: HookFlags, name: string): Promise<number> {
  const { id } = await find(flags, name);
  const asked = { method: "POST", body: {}, schema: madeSchema, what: "change this secret" } as const;
  tell(flags, await ask(await edgeAccess(flags), `/api/hooks/${id}/secret`, asked));
  if (!flags.json) say("The secret before is good for another 24 hours.");
  return 0;
}

/** The address and its secret, this one time. */
function tell(flags: HookFlags, made: z.infer<typeof madeSchema>): void {
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(made)}\n`);
    return;
  }
  say(`${styled("green", "✓")} ${printable(made.name)}. Enter these at the sender; the secret is not shown again:`);
  process.stdout.write(`${made.url}\n${made.secret}\n`);
}

async function list(flags: HookFlags): Promise<number> {
  const webhooks = await all(flags);
  if (flags.json) process.stdout.write(`${JSON.stringify(webhooks)}\n`);
  else if (webhooks.length === 0) say(`There are none yet. Make one: ${ADD}`);
  else
    for (const { name, plugin, session, paused, lastAt, refused } of webhooks) {
      const notes = [
        paused === null ? [] : ["paused"],
        [lastAt === null ? "nothing came yet" : `last ${lastAt}`],
        refused === 0 ? [] : [`${refused} with a wrong signature`],
      ].flat();
      process.stdout.write(
        `${printable(name)} -> ${plugin ?? session ?? "a conversation of its own"} (${notes.join(", ")})\n`,
      );
    }
  return 0;
}

async function log(flags: HookFlags, name: string): Promise<number> {
  const { id } = await find(flags, name);
  const path = `/api/hooks/${id}/deliveries`;
  const { deliveries } = await ask(await edgeAccess(flags), path, { schema: deliveriesSchema, what: "read its log" });
  if (flags.json) process.stdout.write(`${JSON.stringify(deliveries)}\n`);
  else
    for (const { receivedAt, state, bytes, messageId, error } of deliveries)
      process.stdout.write(
        `${receivedAt} ${state} ${bytes} bytes ${printable(messageId)}${error === null ? "" : `: ${printable(error.message)}`}\n`,
      );
  return 0;
}

async function remove(flags: HookFlags, name: string): Promise<number> {
  const found = await find(flags, name);
  if (!flags.yes && !(await agreed(`End ${found.name}? Its sender finds nothing there any more.`))) return 1;
  const asked = { method: "DELETE", schema: nothing, what: "end this webhook" } as const;
  await ask(await edgeAccess(flags), `/api/hooks/${found.id}`, asked);
  say(`${styled("green", "✓")} ${printable(found.name)} has ended.`);
  return 0;
}

async function all(flags: HookFlags): Promise<z.infer<typeof hookSchema>[]> {
  const asked = { schema: listSchema, what: "list your webhooks" };
  return (await ask(await edgeAccess(flags), "/api/hooks", asked)).webhooks;
}

async function find(flags: HookFlags, name: string): Promise<z.infer<typeof hookSchema>> {
  const found = (await all(flags)).filter((one) => one.name === name || one.id === name);
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  throw new CommandError(
    "bad_usage",
    first === undefined
      ? `There is no webhook '${name}'. See: porchlight hook`
      : `There are several '${name}': name one by its id (--json).`,
  );
}
