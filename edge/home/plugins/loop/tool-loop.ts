import { PorchlightError } from "../../../../shared/errors.ts";
import type { GenerateEvent, PluginStep } from "../../../../shared/inference/event.ts";
import {
  type GenerateRequest,
  generateRequestSchema,
  type Tool,
  type ToolCall,
} from "../../../../shared/inference/request.ts";
import type { PluginUse } from "../../../../shared/inference/plugin-use.ts";
import type { PluginCaller } from "../../../../shared/plugin/context.ts";
import { decodeJson, encodeJson } from "../../../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../../../shared/protocol/limits.ts";
import type { CallingRun, RunCalls } from "../../runs/new-run.ts";
import type { RoundsPlan } from "../../runs/rounds.ts";
import type { Payer, ToolBox } from "../tool-box.ts";
import type { Approvals } from "./approvals.ts";
import { LOOP_LIMITS } from "./limits.ts";
import type { LoopState } from "./loop-state.ts";
import { LoopTable } from "./loop-table.ts";
import { callsOf, nextRequest, resultsOf } from "./next-request.ts";
import { type Called, makeCall } from "./one-call.ts";
import { planTools, requestTool, sourceName } from "./plan.ts";
import { failureText, resultRoom, resultText, sourceText } from "./results.ts";
import { isTainted, type ToolTrace, toolTrace } from "./trace.ts";

/** The runs, as the loop knows them. */
export interface LoopRuns {
  say(id: string, steps: readonly PluginStep[]): void;
  next(id: string, body: Uint8Array): void;
  fail(id: string, why: PorchlightError): void;
}

/** What is to be offered for an answer. */
export interface OfferRequest {
  userId: string;
  /** Whose limits what tools ask of models counts for. */
  payer: Payer;
  uses: readonly PluginUse[];
  /** Most rounds of calls. */
  most: number;
  question: string;
  contextLength: number;
  tainted: boolean;
  /** What the person wrote themselves, the latest last. */
  own: readonly string[];
  /** Sources that have a number already. */
  sources?: number;
  place?: { sessionId: string; index: number };
  caller?: PluginCaller;
  /** Tools that the client calls itself. */
  theirs?: readonly Tool[];
}

/** What is offered: beside the client's own tools. */
export interface Offer {
  tools: Tool[];
  /** What their descriptions take of the context, estimated. */
  tokens: number;
  rounds: RoundsPlan;
  state: LoopState;
}

/**
 * Makes the calls that models ask for: those of a round at once, then the next round with what came of them. All that it knows of an
 * answer is written down before anybody sees it, so that another life of the object goes on with it, and calls nothing twice that writes.
 */
export class ToolLoop implements RunCalls {
  readonly #table: LoopTable;
  readonly #approvals: Approvals;
  readonly #box: ToolBox;
  readonly #runs: () => LoopRuns;
  readonly #now: () => number;
  readonly #underWay = new Map<string, AbortController>();

  constructor(options: {
    sql: SqlStorage;
    approvals: Approvals;
    box: ToolBox;
    runs: () => LoopRuns;
    now?: () => number;
  }) {
    this.#table = new LoopTable(options.sql);
    this.#approvals = options.approvals;
    this.#box = options.box;
    this.#runs = options.runs;
    this.#now = options.now ?? Date.now;
  }

  /** Undefined where there is nothing to offer. */
  offer(wanted: OfferRequest): Offer | undefined {
    const { userId, uses, question, contextLength, own, place, theirs = [] } = wanted;
    if (uses.length === 0) return undefined;
    const taken = new Set(theirs.map(({ name }) => name));
    const { tools, leftOut, tokens } = planTools({
      offered: this.#box.offered(userId),
      uses,
      question,
      contextLength,
      taken,
    });
    if (tools.length === 0) return undefined;
    const most = Math.min(wanted.most, LOOP_LIMITS.roundsMax);
    const state: LoopState = {
      userId,
      caller: wanted.caller ?? { locale: "en", timeZone: "UTC" },
      payer: { ...wanted.payer, models: wanted.payer.models === null ? null : [...wanted.payer.models] },
      contextLength,
      most,
      // A mounted server's descriptions are a stranger's words, and before the model from the start.
      tainted: wanted.tainted || tools.some(({ tool }) => tool.source.kind === "mcp"),
      own: own.join("\n").slice(-LOOP_LIMITS.ownCharacters),
      ownCalls: 0,
      sources: wanted.sources ?? 0,
      tools: tools.map(({ tool, approval, files }) => ({
        name: tool.name,
        effect: tool.effect,
        source: tool.source,
        approval,
        ...(files === undefined ? {} : { files }),
      })),
      leftOut,
      ...(place === undefined ? {} : { place }),
    };
    return { tools: tools.map(({ tool }) => requestTool(tool)), tokens, rounds: { theirs: [...taken], most }, state };
  }

  /** The first of these that the person has not switched on, if there is one. */
  missing(userId: string, uses: readonly PluginUse[]): string | undefined {
    const has = new Set(this.#box.offered(userId).map(({ source }) => sourceName(source)));
    return uses.find(({ plugin }) => plugin !== "*" && !has.has(plugin))?.plugin;
  }

  /** Writes down what was offered for a run, in the step in which it starts. */
  begin(run: string, { state }: Offer): void {
    this.#table.forgetBefore(this.#now() - LOOP_LIMITS.approvalsKeptMs);
    this.#table.add(run, state, this.#now());
  }

  /** What became of an answer's tools; undefined for one that had none. Ask before the run is `over`. */
  trace(run: string, events: readonly GenerateEvent[]): { tools: ToolTrace; tainted: boolean } | undefined {
    const state = this.#table.get(run);
    return state && { tools: toolTrace(state, events), tainted: state.tainted || isTainted(events) };
  }

  called(run: CallingRun): void {
    const stop = new AbortController();
    this.#underWay.get(run.id)?.abort();
    this.#underWay.set(run.id, stop);
    this.#round(run, stop.signal).catch((error: unknown) => {
      if (!(error instanceof PorchlightError)) console.error(`The tools of the answer ${run.id} failed:`, error);
      this.#runs().fail(run.id, PorchlightError.from(error));
    });
  }

  over(id: string): void {
    this.#underWay.get(id)?.abort();
    this.#underWay.delete(id);
    this.#approvals.over(id);
    this.#table.remove(id);
  }

  async #round({ id, round, body, events }: CallingRun, signal: AbortSignal): Promise<void> {
    const state = this.#table.get(id);
    if (state === undefined) throw new PorchlightError("internal");
    const request = decodeJson(body, generateRequestSchema);
    const calls = callsOf(events);
    const known = resultsOf(events);
    const said: GenerateEvent[] = [...events];
    const room = resultRoom(request.messages, {
      contextLength: state.contextLength,
      maxTokens: request.maxTokens,
      count: calls.length,
    });
    const say = (step: PluginStep): void => {
      if (signal.aborted) return;
      said.push({ type: "plugin", plugin: step });
      this.#runs().say(id, [step]);
    };
    const making = calls.map(async (call, position) => {
      if (known.has(call.id)) return false;
      const startedMs = this.#now();
      const ports = {
        table: this.#table,
        approvals: this.#approvals,
        box: this.#box,
        say: (steps: readonly PluginStep[]) => steps.forEach(say),
      };
      const called = await makeCall(call, { run: id, round, state, position, signal }, ports);
      if (!signal.aborted) say(this.#result({ id, round, call, called, room, ms: this.#now() - startedMs }));
      return !called.ok && called.isRepeat === true;
    });
    const repeats = await Promise.all(making);
    if (signal.aborted) return;
    const mayCall = round + 1 < state.most && !repeats.every(Boolean);
    const next = encodeJson(nextRequest(request, said, mayCall) satisfies GenerateRequest);
    if (next.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
    this.#runs().next(id, next);
  }

  /** In one step with what is said of it: which number its source has, and that the answer is tainted from now on. */
  #result(of: { id: string; round: number; call: ToolCall; called: Called; room: number; ms: number }): PluginStep {
    const { id, round, call, called, room, ms } = of;
    const { tool } = called;
    const taints = tool?.taints === true && called.record !== undefined;
    const base = {
      step: "result" as const,
      round,
      callId: call.id,
      tool: call.name,
      ms,
      ...(taints ? { taints } : {}),
      ...(called.record === undefined || called.record === "" ? {} : { record: called.record }),
    };
    const state = this.#table.get(id);
    if (state !== undefined && taints) this.#table.set(id, { ...state, tainted: true });
    if (!called.ok) return { ...base, ok: false, content: failureText(called.message, taints), error: called.code };
    const number = this.#table.nextSource(id);
    const { source } = called.tool;
    const { content, cut } = resultText({ value: called.value, number, source, taints, room });
    return { ...base, ok: true, content, source: { number, name: sourceText(source) }, ...(cut ? { cut } : {}) };
  }
}
