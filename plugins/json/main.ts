import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { FILE, TEXT, textOf } from "../shared/picked.ts";
import { outline as outlineOf } from "./outline.ts";
import { query as queryOf } from "./query.ts";
import { readJson } from "./read.ts";

const MOST_BYTES = 10_000_000;

const SOURCE = {
  text: { ...TEXT, description: "The JSON itself; left out to take a picked file", maxLength: 500_000 },
  file: FILE,
} as const;

const outline = tool({
  description:
    "Shows how a JSON text or picked file is built: every path with its type and an example. Call it before 'query'.",
  input: { type: "object", properties: SOURCE, required: [], additionalProperties: false },
  async execute(context) {
    return outlineOf(readJson(await textOf(context, MOST_BYTES)));
  },
});

const query = tool({
  description:
    "Takes values from a JSON text or picked file by a JSONata question, e.g. 'orders[status=\"open\"].price', '$sum(orders.price)', '$count(orders)', 'orders^(>price)[0]', 'orders{city: $sum(price)}'.",
  input: {
    type: "object",
    properties: {
      question: { type: "string", description: "A path or a JSONata expression", minLength: 1, maxLength: 2_000 },
      start: { type: "integer", description: "How many found items are passed over", minimum: 0, default: 0 },
      ...SOURCE,
    },
    required: ["question"],
    additionalProperties: false,
  },
  async execute(context) {
    const { question, start = 0 } = context.input;
    return await queryOf(readJson(await textOf(context, MOST_BYTES)), question, start);
  },
});

export default definePlugin({ tools: { outline, query } });
