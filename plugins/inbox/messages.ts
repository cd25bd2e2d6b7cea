import type { PluginStorage, WebhookMessage } from "../../shared/plugin/index.ts";

/** A message as it is kept. */
export interface KeptMessage {
  /** Its name among all: begins with the time. */
  id: string;
  /** ISO 8601. */
  at: string;
  /** What the person calls the address that it came to. */
  webhook: string;
  /** What its sender says it is, if it says so. */
  event: string;
  subject: string;
  body: string;
}

const PREFIX = "m/";
const MOST_KEPT = 900;
const MOST_BODY = 64 * 1024;
const SUBJECT_CHARACTERS = 160;
/** Room is made for so many at once where there is none. */
const DROPPED_AT_ONCE = 50;
/** What senders call the one line that says it all, the best first. */
const SUBJECTS = ["subject", "title", "summary", "message", "text", "description", "name"];
const EVENTS = ["x-github-event", "x-gitea-event", "x-forgejo-event", "x-event-key"];

/** Keeps a message. The same one again takes its own place. */
export async function keep(storage: PluginStorage, message: WebhookMessage): Promise<KeptMessage> {
  const { id, receivedAt, webhook, headers, encoding } = message;
  const value = jsonOf(message.body);
  const body = encoding === "utf-8" ? message.body.slice(0, MOST_BODY) : "";
  const named = EVENTS.map((name) => headers[name]).find((event) => event !== undefined);
  const kept: KeptMessage = {
    id: `${receivedAt}/${id.slice(0, 80)}`,
    at: receivedAt,
    webhook,
    event: named ?? textAt(value, "type") ?? textAt(value, "event") ?? "",
    subject: subjectOf(value) ?? (encoding === "utf-8" ? firstLine(body) : "(no text)"),
    body,
  };
  const ids = await storage.list(PREFIX);
  for (const old of ids.slice(0, Math.max(0, ids.length + 1 - MOST_KEPT))) await storage.delete(old);
  await put(storage, kept);
  return kept;
}

/** The names of all, the latest first. */
export async function idsOf(storage: PluginStorage): Promise<string[]> {
  return (await storage.list(PREFIX)).map((key) => key.slice(PREFIX.length)).toReversed();
}

export async function load(storage: PluginStorage, id: string): Promise<KeptMessage | undefined> {
  const bytes = await storage.get(PREFIX + id);
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as KeptMessage); // this plugin alone writes it
}

/** Drops what came before that time. Returns how many it were. */
export async function dropBefore(storage: PluginStorage, time: string): Promise<number> {
  const old = (await storage.list(PREFIX)).filter((key) => key.slice(PREFIX.length) < time);
  for (const key of old) await storage.delete(key);
  return old.length;
}

async function put(storage: PluginStorage, kept: KeptMessage): Promise<void> {
  const value = JSON.stringify(kept);
  try {
    await storage.set(PREFIX + kept.id, value);
  } catch {
    // It is full.
    for (const old of (await storage.list(PREFIX)).slice(0, DROPPED_AT_ONCE)) await storage.delete(old);
    await storage.set(PREFIX + kept.id, value);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // another kind of text
  }
}

function textAt(value: unknown, name: string): string | undefined {
  const found =
    typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
  return typeof found === "string" && found.trim() !== "" ? firstLine(found) : undefined;
}

/** Of an object, or of what is in it: `{data: {title: ".."}}`. */
function subjectOf(value: unknown): string | undefined {
  if (typeof value === "string") return firstLine(value);
  const within = typeof value === "object" && value !== null ? Object.values(value) : [];
  for (const one of [value, ...within]) {
    const found = SUBJECTS.map((name) => textAt(one, name)).find((text) => text !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstLine(text: string): string {
  const line = text.trim().split("\n")[0]?.trim() ?? "";
  return line.length > SUBJECT_CHARACTERS ? `${line.slice(0, SUBJECT_CHARACTERS)}…`.toWellFormed() : line;
}
