import { definePlugin, tool } from "../../shared/plugin/index.ts";

const GREETINGS = { en: "Hello", "zh-CN": "你好" };

const greet = tool({
  description: "Greets a person by name. Use it when somebody asks to be greeted.",
  input: {
    type: "object",
    properties: { name: { type: "string", description: "Who is greeted", minLength: 1, maxLength: 100 } },
    required: ["name"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: { greeting: { type: "string" } },
    required: ["greeting"],
    additionalProperties: false,
  },
  async execute({ input, caller, log }) {
    await log(`greeting ${input.name}`);
    return { greeting: `${GREETINGS[caller.locale]}, ${input.name}!` };
  },
});

export default definePlugin({ tools: { greet } });
