import { vi } from "vitest";
import type { OfferedTool, ToolBoxCall, ToolOutcome } from "../../../../edge/home/plugins/tool-box.ts";
import { ToolBoxes } from "../../../../edge/home/plugins/tool-boxes.ts";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../../shared/inference/request.ts";
import { type Answer, writeEvents } from "../../support/agent.ts";

/** What a tool of the tests does. */
export type Does = (input: unknown, call: ToolBoxCall) => unknown;

/** Tools that the household has in a test, and what was called of them. */
export class TestTools {
  readonly calls: ToolBoxCall[] = [];
  readonly #tools = new Map<string, { tool: OfferedTool; does: Does; userId: string | undefined }>();

  constructor() {
    vi.spyOn(ToolBoxes.prototype, "offered").mockImplementation((userId) =>
      [...this.#tools.values()]
        .filter((one) => one.userId === undefined || one.userId === userId)
        .map(({ tool }) => tool),
    );
    vi.spyOn(ToolBoxes.prototype, "call").mockImplementation(async (call) => await this.#call(call));
  }

  /** Installs a tool, or another in its place. */
  set(name: string, does: Does, more: Partial<OfferedTool> & { userId?: string } = {}): void {
    const { userId, ...changes } = more;
    const plugin = name.split("__")[0] ?? name;
    const tool: OfferedTool = {
      name,
      title: { en: plugin, zh: plugin },
      description: `Does ${name}.`,
      input: { type: "object", properties: { text: { type: "string" } }, additionalProperties: false },
      effect: "read",
      taints: false,
      sends: "nowhere",
      source: { kind: "plugin", name: `@test/${plugin}`, version: "1.0.0", hash: "0".repeat(64), tool: name },
      ...changes,
    };
    this.#tools.set(name, { tool, does, userId });
  }

  delete(name: string): void {
    this.#tools.delete(name);
  }

  async #call(call: ToolBoxCall): Promise<ToolOutcome> {
    this.calls.push(call);
    try {
      return { ok: true, value: await this.#tools.get(call.tool)?.does(call.input, call) };
    } catch (error) {
      return { ok: false, error: { code: "plugin_failed", message: error instanceof Error ? error.message : "?" } };
    }
  }
}

let calls = 0;

/** A model asks for calls. */
export function calling(...wanted: [name: string, input: unknown][]): GenerateEvent[] {
  const events = wanted.map(([name, input], index): GenerateEvent => {
    const text = typeof input === "string" ? input : JSON.stringify(input);
    return { type: "tool_call", index, call: { id: `call_${++calls}`, name, arguments: text }, tokens: [index] };
  });
  return [
    ...events,
    { type: "usage", promptTokens: 10, completionTokens: 5 },
    { type: "finish", reason: "tool_calls" },
  ];
}

/** A model says this, and no more. */
export function telling(...texts: string[]): GenerateEvent[] {
  return [
    ...texts.map((text, n): GenerateEvent => ({ type: "text", text, tokens: [n] })),
    { type: "usage", promptTokens: 10, completionTokens: texts.length },
    { type: "finish", reason: "stop" },
  ];
}

/** Says these, one after the other for each request; the last for every further one. */
export function inRounds(
  asked: GenerateRequest[],
  ...rounds: (GenerateEvent[] | ((request: GenerateRequest) => GenerateEvent[]))[]
): Answer {
  return async (request, stream) => {
    asked.push(request);
    const round = rounds[Math.min(asked.length, rounds.length) - 1] ?? [];
    await writeEvents(stream, ...(typeof round === "function" ? round(request) : round));
    stream.end();
  };
}
