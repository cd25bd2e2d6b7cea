import { definePlugin, type PluginStorage, tool } from "../../shared/plugin/index.ts";
import { MOST_PART, partOf, START } from "../shared/part.ts";
import { dropBefore, idsOf, keep, type KeptMessage, load } from "./messages.ts";

const MOST_LISTED = 40;
const KEPT_DAYS = 30;
const DAY_MS = 24 * 3600_000;

function kept(storage: PluginStorage | undefined): PluginStorage {
  if (storage === undefined)
    throw new Error("The inbox may keep nothing. The user can allow it in the plugin's settings.");
  return storage;
}

/** The day of a moment where the person is: `2026-11-23`. */
function dayOf(time: Date, timeZone: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone }).format(time);
}

const list = tool({
  description:
    "Lists what other services have sent the user (builds, payments, forms, alarms), the latest first: use it for questions such as 'what came in today?'. Then read one for all of it.",
  input: {
    type: "object",
    properties: {
      day: {
        type: "string",
        enum: ["today", "yesterday", "week", "all"],
        description: "When it came; today if absent",
      },
      words: { type: "string", description: "Only those that have this text", maxLength: 200 },
    },
    required: [],
    additionalProperties: false,
  },
  async execute({ input, storage, caller: { timeZone } }) {
    const now = Date.now();
    const { day = "today", words = "" } = input;
    const days = { today: [0], yesterday: [1], week: [0, 1, 2, 3, 4, 5, 6], all: [] }[day];
    const wanted = new Set(days.map((ago) => dayOf(new Date(now - ago * DAY_MS), timeZone)));
    const ids = (await idsOf(kept(storage))).filter(
      (id) => day === "all" || wanted.has(dayOf(new Date(id.split("/")[0] ?? ""), timeZone)),
    );
    const found: KeptMessage[] = [];
    for (const id of ids) {
      const message = await load(kept(storage), id);
      if (message !== undefined && hasWords(message, words)) found.push(message);
      if (found.length > MOST_LISTED) break;
    }
    const messages = found
      .slice(0, MOST_LISTED)
      .map(({ id, at, webhook, event, subject }) => ({ id, at, from: webhook, event, subject }));
    return { messages, truncated: found.length > MOST_LISTED };
  },
});

const read = tool({
  description: "Reads one message of the inbox whole. Its id is as list has it.",
  input: {
    type: "object",
    properties: { id: { type: "string", maxLength: 200 }, start: START },
    required: ["id"],
    additionalProperties: false,
  },
  async execute({ input, storage }) {
    const message = await load(kept(storage), input.id);
    if (message === undefined) throw new RangeError("There is no such message. List them for their ids.");
    const { at, webhook, event, subject, body } = message;
    const { text, ...part } = body.length <= MOST_PART ? { text: body } : partOf(body, input.start ?? 0);
    return { at, from: webhook, event, subject, text, ...part };
  },
});

function hasWords({ subject, body, event, webhook }: KeptMessage, words: string): boolean {
  return [subject, body, event, webhook].some((text) => text.toLowerCase().includes(words.toLowerCase()));
}

export default definePlugin({
  tools: { list, read },
  async webhook({ input, storage }) {
    const { subject } = await keep(kept(storage), input);
    return { kept: subject };
  },
  schedule: {
    every: "30 3 * * *",
    async run({ storage, log }) {
      const count = await dropBefore(kept(storage), new Date(Date.now() - KEPT_DAYS * DAY_MS).toISOString());
      await log(`dropped ${count}`);
    },
  },
});
