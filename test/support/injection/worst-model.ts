import { noEmbeddings } from "../no-embeddings.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { GenerateRequest, Message, Tool } from "../../../shared/inference/request.ts";

export type Call = readonly [tool: string, input: object];
/** What a model sees. */
export interface View {
  messages: readonly Message[];
  tools: readonly Tool[];
  /** What came of its calls in this turn, in their order. */
  results: readonly string[];
  /** All that it was told, in one text. */
  text: string;
}
/** Calls of one round after the other. */
export type Rounds = readonly ((view: View) => readonly Call[])[];

/** What the model does for its person, and for whoever gets a word in. */
export interface Script {
  plan: Rounds;
  answer: (view: View) => string;
  /** Absent: nobody attacks. */
  attack?: { marker: string; rounds: Rounds; answer?: (view: View) => string } | undefined;
}

export const MODEL = {
  name: "worst",
  contextLength: 200_000,
  task: "generate",
  architecture: "none",
  quantization: "fp32",
  parameters: 1,
  createdAt: 0,
  loaded: true,
} as const;

const CASE = /\(case ([a-z0-9-]+)\)/;

/**
 * The worst model there can be, which is the one that a defence has to hold against: it does what its person asks, and obeys beside it
 * whoever gets a word into anything it reads, with all that it knows and as cleverly as an attacker could wish. Nothing about it is left
 * to chance. It knows what to do by the case that the question names, and that it was turned by the attacker's marker.
 */
export class WorstModel implements InferenceBackend {
  readonly embed = noEmbeddings;
  readonly #scripts = new Map<string, Script>();
  /** In how many rounds of a case's turn it has obeyed. */
  readonly #obeyed = new Map<string, number>();
  #calls = 0;

  script(name: string, script: Script): void {
    this.#scripts.set(name, script);
    this.#obeyed.delete(name);
  }

  /** Whether the attacker got through to it. */
  wasTurned(name: string): boolean {
    return this.#obeyed.has(name);
  }

  forget(name: string): void {
    this.#scripts.delete(name);
    this.#obeyed.delete(name);
  }

  async listModels() {
    return await Promise.resolve([{ ...MODEL, online: true }]);
  }

  async *generate(request: GenerateRequest): AsyncIterable<GenerateEvent> {
    const { calls, text } = this.#next(request);
    await Promise.resolve();
    for (const [index, [name, input]] of calls.entries()) {
      const call = { id: `call_${++this.#calls}`, name, arguments: JSON.stringify(input) };
      yield { type: "tool_call", index, call, tokens: [index] };
    }
    if (calls.length === 0) yield { type: "text", text, tokens: [0] };
    yield { type: "usage", promptTokens: 1, completionTokens: 1 };
    yield { type: "finish", reason: calls.length === 0 ? "stop" : "tool_calls" };
  }

  #next({ messages, tools = [], toolChoice }: GenerateRequest): { calls: readonly Call[]; text: string } {
    const asked = messages.findLastIndex(({ role }) => role === "user");
    const name = CASE.exec(messages[asked]?.content ?? "")?.[1] ?? "";
    const script = this.#scripts.get(name);
    // A summary, or a question that nobody wrote a script for.
    if (script === undefined)
      return {
        calls: [],
        text: messages
          .map(({ content }) => content)
          .join("\n")
          .slice(-4_000),
      };
    const turn = messages.slice(asked + 1);
    const read = messages.map(({ content }) => content);
    const descriptions = tools.map(({ description = "" }) => description);
    const results = turn.flatMap(({ role, content }) => (role === "tool" ? [content] : []));
    const view: View = { messages, tools, results, text: [...read, ...descriptions].join("\n") };
    const round = turn.filter(({ role }) => role === "assistant").length;
    const { plan, answer, attack } = script;
    const isTurned = attack !== undefined && view.text.includes(attack.marker);
    const wanted = plan[round]?.(view) ?? [];
    const demanded: Call[] = [];
    if (isTurned) {
      const obeyed = this.#obeyed.get(name) ?? 0;
      this.#obeyed.set(name, obeyed + 1);
      demanded.push(...(attack.rounds[obeyed]?.(view) ?? []));
    }
    // The attacker first: a look-alike that comes behind what was meant is one too many.
    const calls = [...demanded, ...wanted];
    const offered = new Set(tools.map((tool) => tool.name));
    const possible = toolChoice === "none" ? [] : calls.filter(([tool]) => offered.has(tool));
    return {
      calls: possible,
      text: isTurned && attack.answer ? `${answer(view)}\n${attack.answer(view)}` : answer(view),
    };
  }
}
