import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { partOf, START } from "../shared/part.ts";
import { FILE, pickedFile } from "../shared/picked.ts";
import { Bucket, MOST_STORED_BYTES } from "./bucket.ts";

const KEY = {
  type: "string",
  description: "The object's key, such as notes/today.txt",
  minLength: 1,
  maxLength: 1_024,
} as const;
const MOST_LISTED = 100;
const HOUR_SECONDS = 3_600;

const store = tool({
  description:
    "Stores a text, or a file that the user picked, in the user's bucket. What has the same key is replaced.",
  effect: "write",
  input: {
    type: "object",
    properties: {
      key: KEY,
      text: { type: "string", description: "The text; left out to store a picked file", maxLength: 500_000 },
      file: FILE,
    },
    required: ["key"],
    additionalProperties: false,
  },
  async execute({ input, files, ...host }) {
    const bucket = await Bucket.open(host);
    if (input.text !== undefined) {
      const content = new TextEncoder().encode(input.text);
      await bucket.put(input.key, content, "text/plain; charset=utf-8");
      return { stored: input.key, bytes: content.length };
    }
    const { id, name, type, bytes } = await pickedFile(files, input.file);
    if (files === undefined || bytes > MOST_STORED_BYTES)
      throw new RangeError(`'${name}' has ${bytes} bytes: a plugin stores ${MOST_STORED_BYTES} at most.`);
    const content = new Uint8Array(await files.read(id));
    await bucket.put(input.key, content, type === "" ? "application/octet-stream" : type);
    return { stored: input.key, bytes: content.length };
  },
});

const read = tool({
  description: "Reads a text from the user's bucket by its key, part by part.",
  input: {
    type: "object",
    properties: { key: KEY, start: START },
    required: ["key"],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    const { content, type, isMore } = await (await Bucket.open(host)).get(input.key);
    if (content.includes(0))
      throw new RangeError(
        `'${input.key}' is no text (${type === "" ? "of no known type" : type}). Make a link to it.`,
      );
    return { ...partOf(new TextDecoder().decode(content), input.start ?? 0), only_the_beginning: isMore };
  },
});

const list = tool({
  description: "Lists objects in the user's bucket: keys, sizes, when they changed.",
  input: {
    type: "object",
    properties: {
      prefix: { type: "string", description: "What keys begin with", maxLength: 1_024 },
      after: { type: "string", description: "The last key of the list before", maxLength: 1_024 },
    },
    required: [],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    return await (await Bucket.open(host)).list(input.prefix ?? "", input.after ?? "", MOST_LISTED);
  },
});

const link = tool({
  description: "Makes a link by which anybody who has it can read one object of the user's bucket for some hours.",
  input: {
    type: "object",
    properties: {
      key: KEY,
      hours: { type: "integer", description: "How long it works", minimum: 1, maximum: 168, default: 24 },
    },
    required: ["key"],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    const hours = input.hours ?? 24;
    return { link: await (await Bucket.open(host)).link(input.key, hours * HOUR_SECONDS), hours };
  },
});

const remove = tool({
  description: "Removes an object from the user's bucket for ever.",
  effect: "write",
  input: { type: "object", properties: { key: KEY }, required: ["key"], additionalProperties: false },
  async execute({ input, ...host }) {
    await (await Bucket.open(host)).remove(input.key);
    return { removed: input.key };
  },
});

export default definePlugin({ tools: { store, read, list, link, remove } });
