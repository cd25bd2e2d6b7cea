import type { Message, ToolCall } from "../../inference/request.ts";
import { SESSION_LIMITS } from "../limits.ts";
import type { NewTurn } from "../turn.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import { ImportError } from "./problem.ts";

const TOOL_CALLS_MAX = 128;
const NAME_CHARACTERS = 128;
/** For what stands around turns: a title, settings, a summary, brackets. */
const ENVELOPE_BYTES = 256 * 1024;
type Assistant = Extract<Message, { role: "assistant" }>;

/** Makes turns of what was said, in its order: each begins with what the person said. */
export class TurnBuilder {
  readonly #turns: NewTurn[] = [];
  #reasoning = "";
  /** Calls without a result yet, of the current turn. */
  #pending: ToolCall[] = [];
  #calls = 0;
  #lastMs: number;
  /** An answer came first: an empty question stands before it. */
  beganWithAnswer = false;

  /** @param startMs the time of what has none. */
  constructor(startMs: number) {
    this.#lastMs = startMs;
  }

  user(text: string, atMs: number | undefined): void {
    this.#endTurn();
    this.#lastMs = atMs ?? this.#lastMs;
    this.#turns.push({
      createdAtMs: this.#lastMs,
      messages: [{ role: "user", content: text.toWellFormed() }],
      model: "",
      state: "cancelled",
    });
  }

  /** Thoughts; they belong to the answer that comes next. */
  reasoning(text: string): void {
    if (text === "") return;
    this.#reasoning += (this.#reasoning === "" ? "" : "\n\n") + text.toWellFormed();
  }

  assistant(text: string, atMs: number | undefined, model?: string): void {
    if (text === "") return;
    const message = this.#assistant(atMs, model, false);
    message.content += (message.content === "" ? "" : "\n\n") + text.toWellFormed();
  }

  /** A tool is called, `input` being what it is called with. */
  call(
    name: string,
    input: unknown,
    options: { id?: string | undefined; atMs?: number | undefined; model?: string | undefined },
  ): void {
    const message = this.#assistant(options.atMs, options.model, true);
    const call = this.#newCall(name, options.id, typeof input === "string" ? input : JSON.stringify(input ?? {}));
    message.toolCalls = [...(message.toolCalls ?? []), call];
    this.#pending.push(call);
  }

  /** What a tool gave back: to the call of this id, else to the first open one of this name, else to the first open one. */
  result(
    text: string,
    options: { id?: string | undefined; name?: string | undefined; atMs?: number | undefined },
  ): void {
    const { id, name } = options;
    const find = (): ToolCall | undefined =>
      this.#pending.find((call) => call.id === id) ??
      this.#pending.find((call) => call.name === name) ??
      (name === undefined ? this.#pending[0] : undefined);
    if (find() === undefined) this.call(name ?? "tool", {}, { id, atMs: options.atMs });
    const call = find() ?? this.#pending[0];
    if (call === undefined) return;
    this.#pending = this.#pending.filter((other) => other !== call);
    this.#turn(options.atMs).messages.push({ role: "tool", toolCallId: call.id, content: text.toWellFormed() });
  }

  /** The last answer was not finished. */
  cancelled(): void {
    const turn = this.#turns.at(-1);
    if (turn) turn.state = "cancelled";
  }

  /** All turns. Throws ImportError where one is too large, or where there is none. */
  finish(): NewTurn[] {
    this.#endTurn();
    if (this.#turns.length === 0) throw new ImportError("no_messages");
    checkTurns(this.#turns);
    return this.#turns;
  }

  #newCall(name: string, id: string | undefined, args: string): ToolCall {
    this.#calls += 1;
    const used = this.#turns.at(-1)?.messages.some((message) => callsOf(message).some((call) => call.id === id));
    const isUsable = id !== undefined && id !== "" && id.length <= NAME_CHARACTERS && used !== true;
    return {
      id: isUsable ? id : `call_${this.#calls}`,
      name: name.toWellFormed().slice(0, NAME_CHARACTERS) || "tool",
      arguments: args.toWellFormed(),
    };
  }

  /** The answer that is being written: a new one behind results, and for text behind calls. */
  #assistant(atMs: number | undefined, model: string | undefined, forCall: boolean): Assistant {
    const turn = this.#turn(atMs);
    turn.state = "complete";
    if (model !== undefined && model !== "") turn.model = model.slice(0, 256);
    const last = turn.messages.at(-1);
    const calls = last === undefined ? [] : callsOf(last);
    const goesOn = last?.role === "assistant" && (forCall ? calls.length < TOOL_CALLS_MAX : calls.length === 0);
    const message: Assistant = goesOn ? last : { role: "assistant", content: "" };
    if (!goesOn) turn.messages.push(message);
    if (this.#reasoning !== "") {
      message.reasoning = (message.reasoning === undefined ? "" : `${message.reasoning}\n\n`) + this.#reasoning;
      this.#reasoning = "";
    }
    return message;
  }

  #turn(atMs: number | undefined): NewTurn {
    if (this.#turns.length === 0) {
      this.user("", atMs);
      this.beganWithAnswer = true;
    }
    const turn = this.#turns.at(-1);
    if (turn === undefined) throw new TypeError("There is a turn now.");
    return turn;
  }

  /** Thoughts that no answer followed are kept as one of their own. */
  #endTurn(): void {
    if (this.#reasoning !== "" && this.#turns.length > 0) this.#assistant(undefined, undefined, false);
    this.#reasoning = "";
    this.#pending = [];
  }
}

function callsOf(message: Message): ToolCall[] {
  return message.role === "assistant" ? (message.toolCalls ?? []) : [];
}

/** Holds turns to what a session takes. Throws ImportError. */
export function checkTurns(turns: readonly NewTurn[]): void {
  if (turns.length > SESSION_LIMITS.turnsPerSession) throw new ImportError("too_many_turns");
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const [index, turn] of turns.entries()) {
    if (turn.messages.length > SESSION_LIMITS.messagesPerTurn) throw new ImportError("turn_too_long", `turn ${index}`);
    const turnBytes = encoder.encode(JSON.stringify(turn)).length;
    if (turnBytes > SESSION_LIMITS.turnBytes - ENVELOPE_BYTES) throw new ImportError("turn_too_large", `turn ${index}`);
    bytes += turnBytes;
  }
  if (bytes > IMPORT_LIMITS.bodyBytes - ENVELOPE_BYTES) throw new ImportError("conversation_too_large");
}
