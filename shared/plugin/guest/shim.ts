/**
 * The module that an isolate begins with; `PLUGIN_ENTRY` stands for the plugin's own. A text, because the Worker that loads it at the
 * edge has no files.
 */
export const SHIM = `import { WorkerEntrypoint } from "cloudflare:workers";
import plugin from "PLUGIN_ENTRY";

const MAKERS = {
  fetch: (use) => async (url, init = {}) => {
    const { body, ...rest } = init;
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const answer = await use("fetch", { url: String(url), ...rest }, bytes);
    return { ...JSON.parse(answer.text), body: answer.bytes };
  },
  storage: (use) => ({
    async get(key) {
      const { text, bytes } = await use("storage.get", { key });
      return JSON.parse(text) === null ? undefined : bytes;
    },
    async set(key, value) {
      await use("storage.set", { key }, typeof value === "string" ? new TextEncoder().encode(value) : value);
    },
    async delete(key) {
      await use("storage.delete", { key });
    },
    async list(prefix = "") {
      return JSON.parse((await use("storage.list", { prefix })).text);
    },
  }),
  secret: (use) => async (name) => JSON.parse((await use("secret", { name })).text) ?? undefined,
  model: (use) => async (question) => JSON.parse((await use("model", question)).text),
  files: (use) => ({
    list: async () => JSON.parse((await use("files.list", {})).text),
    read: async (id) => (await use("files.read", { id })).bytes,
  }),
  hostTool: (use) => async (name, input) => JSON.parse((await use("hostTool", { name, input })).text),
};

/** What the host calls, beside tools. */
const PARTS = {
  webhook: plugin.webhook && ((context) => plugin.webhook(context)),
  beforeTurn: plugin.hooks?.beforeTurn && ((context) => plugin.hooks.beforeTurn(context)),
  afterTurn: plugin.hooks?.afterTurn && ((context) => plugin.hooks.afterTurn(context)),
  knowledge: plugin.knowledge && (async (context) => ({ passages: await plugin.knowledge.search(context) })),
  schedule: plugin.schedule && ((context) => plugin.schedule.run(context)),
};

const SEARCH = {
  input: {
    type: "object",
    properties: {
      query: { type: "string", description: "What is looked for", minLength: 1, maxLength: 2000 },
      most: { type: "integer", description: "Most passages, 5 if absent", minimum: 1, maximum: 20 },
    },
    required: ["query"],
    additionalProperties: false,
  },
  execute(context) {
    context.input.most ??= 5;
    return PARTS.knowledge(context);
  },
};

/** Knowledge is a tool as well, unless the plugin has a better one of its own. */
const TOOLS = {
  ...(plugin.knowledge && { search: { description: plugin.knowledge.description, ...SEARCH } }),
  ...plugin.tools,
};

function executorOf(name) {
  const part = name.startsWith("on:") ? name.slice(3) : undefined;
  if (part !== undefined && Object.hasOwn(PARTS, part) && PARTS[part]) return PARTS[part];
  if (Object.hasOwn(TOOLS, name)) return (context) => TOOLS[name].execute(context);
  throw new Error(\`There is no tool '\${name}'.\`);
}

/** Runs beside the plugin's module, in its isolate: a convenience for the plugin, trusted with nothing. */
export default class extends WorkerEntrypoint {
  describe() {
    const tools = Object.entries(TOOLS).map(([name, { description, input, output, effect }]) => ({
      name,
      description,
      input,
      output,
      effect,
    }));
    const parts = Object.keys(PARTS)
      .filter((part) => PARTS[part])
      .map((part) => ({ part, ...(part === "schedule" && { every: plugin.schedule.every }) }));
    return JSON.stringify([...tools, ...parts]);
  }

  async call(name, input, grants, caller, capabilities) {
    const execute = executorOf(name);
    const use = async (capability, argument, bytes) =>
      await capabilities.use(capability, JSON.stringify(argument), bytes);
    const context = {
      input: JSON.parse(input),
      caller,
      // Asked for only by those who look at it: it costs the host a use that stays open.
      get signal() {
        const controller = new AbortController();
        capabilities.use("signal", "null").then(
          ({ text }) => text === "true" && controller.abort(),
          () => undefined,
        );
        Object.defineProperty(context, "signal", { value: controller.signal });
        return controller.signal;
      },
      ...Object.fromEntries(grants.map((grant) => [grant, MAKERS[grant](use)])),
      async progress(done, words) {
        await use("progress", { done, words });
      },
      async log(line) {
        await use("log", { line: String(line) });
      },
    };
    return JSON.stringify((await execute(context)) ?? null);
  }
}
`;
