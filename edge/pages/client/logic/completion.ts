import * as z from "zod/mini";
import type { Fetcher } from "./fetcher.ts";
import { readEvents } from "./sse.ts";
import { stepSchema, type ToolStep } from "./tool-calls.ts";

// zod would otherwise try `new Function` once, which the page's CSP reports as a violation.
z.config({ jitless: true });

/** What a running answer yields. A stream ends with one `finish`; anything else ends in an AnswerError. */
export type CompletionEvent =
  | { type: "text"; text: string }
  /** What the model thinks before it answers. */
  | { type: "thought"; text: string }
  /** Something about a tool that the edge calls. */
  | { type: "step"; step: ToolStep }
  | { type: "usage"; promptTokens: number; completionTokens: number }
  | { type: "finish"; reason: string };

/**
 * Why an answer did not come. `code` is one of the API's, or of this page: `network` (no connection), `cut_off` (the stream
 * ended early), `bad_answer` (not the protocol).
 */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const errorSchema = z.object({
  error: z.object({ message: z.string(), code: z.optional(z.nullable(z.string())), type: z.optional(z.string()) }),
});

const chunkSchema = z.object({
  choices: z.array(
    z.object({
      delta: z.optional(
        z.object({
          content: z.optional(z.nullable(z.string())),
          reasoning_content: z.optional(z.nullable(z.string())),
        }),
      ),
      finish_reason: z.optional(z.nullable(z.string())),
    }),
  ),
  usage: z.optional(z.nullable(z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }))),
  porchlight: z.optional(stepSchema),
});

export type CompletionRequest = {
  /** What is asked, and where: a turn of a conversation. */
  path: string;
  body: object;
  signal: AbortSignal;
  /** Names the answer, so that it can be come back to: it goes on when this page is gone, until it is stopped. */
  answerId: string;
  /** Whether the answer of that name was asked for before: it comes again from its start. */
  isResumed?: boolean;
  /** The edge has taken the question as this turn. */
  onTurn?: (index: number) => void;
};

const ANSWERS = "/v1/chat/completions";
/** Between the tries to come back to an answer whose connection was lost, and how long that goes on. */
const AGAIN_MS = 500;
const PATIENCE_MS = 60_000;

/** A name that nobody guesses; crypto.randomUUID does not exist on plain http. */
export function newAnswerId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `chatcmpl-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Asks for an answer with the session's cookie; goes on behind what has come when the connection is lost. Throws AnswerError; an abort
 * stops the answer and rejects with the signal's reason.
 */
export async function* streamCompletion(
  request: CompletionRequest,
  fetcher: Fetcher = fetch,
): AsyncGenerator<CompletionEvent> {
  const { signal, answerId } = request;
  const stop = (): void => void fetcher(`${ANSWERS}/${answerId}/cancel`, { method: "POST" }).catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  const place: Place = { last: undefined, isBegun: request.isResumed === true, isFinished: false };
  let lostAt: number | undefined;
  try {
    for (;;) {
      try {
        yield* readOnce(request, place, fetcher, () => {
          lostAt = undefined;
        });
        return;
      } catch (error) {
        signal.throwIfAborted();
        lostAt ??= performance.now();
        const mayComeBack = error instanceof AnswerError && error.code === "cut_off";
        if (!mayComeBack || !place.isBegun || performance.now() - lostAt > PATIENCE_MS) throw error;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        signal.throwIfAborted();
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** How far an answer has come here. */
type Place = { last: string | undefined; isBegun: boolean; isFinished: boolean };

async function* readOnce(
  request: CompletionRequest,
  place: Place,
  fetcher: Fetcher,
  onEvent: () => void,
): AsyncGenerator<CompletionEvent> {
  const { signal } = request;
  const response = await connect(request, place, fetcher);
  const turn = response.headers.get("porchlight-turn");
  if (turn !== null) request.onTurn?.(Number(turn));
  if (!response.ok) {
    // Whoever stands before an edge that restarts answers with a 5xx.
    if (place.isBegun && response.status >= 500) throw cutOff();
    throw await errorOf(response);
  }
  if (response.body === null) throw new AnswerError("bad_answer", "The answer has no body.");
  try {
    for await (const { data, id } of readEvents(response.body)) {
      if (data === "[DONE]") break;
      onEvent();
      place.last = id ?? place.last;
      place.isBegun ||= id !== undefined;
      for (const event of parseChunk(data)) {
        if (event.type === "finish") place.isFinished = true;
        yield event;
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof AnswerError) throw error;
    throw cutOff();
  }
  signal.throwIfAborted();
  if (!place.isFinished) throw cutOff();
}

async function connect(request: CompletionRequest, place: Place, fetcher: Fetcher): Promise<Response> {
  const { path, body, signal, answerId } = request;
  const common = { credentials: "same-origin", signal } as const;
  try {
    if (place.isBegun) {
      const after = place.last === undefined ? "" : `&starting_after=${place.last}`;
      return await fetcher(`${ANSWERS}/${answerId}?stream=true${after}`, common);
    }
    return await fetcher(path, {
      ...common,
      method: "POST",
      headers: { "content-type": "application/json", "porchlight-answer-id": answerId },
      body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    if (place.isBegun) throw cutOff();
    throw new AnswerError("network", "The server cannot be reached.");
  }
}

function cutOff(): AnswerError {
  return new AnswerError("cut_off", "The connection ended before the answer did.");
}

/** The events of one chunk, in order. An error in the stream is thrown. */
function parseChunk(data: string): CompletionEvent[] {
  const json = parseJson(data);
  const failure = errorSchema.safeParse(json);
  if (failure.success) throw fromApi(failure.data.error, 200);
  const chunk = chunkSchema.safeParse(json);
  if (!chunk.success) throw new AnswerError("bad_answer", "The server sent something that is not an answer.");
  const { choices, usage, porchlight: step } = chunk.data;
  const events: CompletionEvent[] = [];
  if (step !== undefined) events.push({ type: "step", step });
  const thought = choices[0]?.delta?.reasoning_content ?? "";
  if (thought !== "") events.push({ type: "thought", text: thought });
  const text = choices[0]?.delta?.content ?? "";
  if (text !== "") events.push({ type: "text", text });
  const reason = choices[0]?.finish_reason ?? "";
  if (reason !== "") events.push({ type: "finish", reason });
  if (usage !== undefined && usage !== null) {
    events.push({ type: "usage", promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens });
  }
  return events;
}

/** The API's error in a response that is not ok. A session that ended answers 401. */
export async function errorOf(response: Response): Promise<AnswerError> {
  const parsed = errorSchema.safeParse(parseJson(await response.text().catch(() => "")));
  if (parsed.success) return fromApi(parsed.data.error, response.status);
  return new AnswerError("bad_answer", `The server answered with status ${response.status}.`, response.status);
}

function fromApi(error: z.infer<typeof errorSchema>["error"], status: number): AnswerError {
  return new AnswerError(error.code ?? error.type ?? "internal", error.message, status);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON: every schema refuses it, and the caller says what that means.
  }
}
