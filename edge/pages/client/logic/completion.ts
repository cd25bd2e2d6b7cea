import * as z from "zod/mini";
import type { Fetcher } from "./fetcher.ts";
import { readEvents } from "./sse.ts";
import type { ChatMessage } from "./turns.ts";

// zod would otherwise try `new Function` once, which the page's CSP reports as a violation.
z.config({ jitless: true });

/** What a running answer yields. A stream ends with one `finish`; anything else ends in an AnswerError. */
export type CompletionEvent =
  | { type: "text"; text: string }
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
      delta: z.optional(z.object({ content: z.optional(z.nullable(z.string())) })),
      finish_reason: z.optional(z.nullable(z.string())),
    }),
  ),
  usage: z.optional(z.nullable(z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }))),
});

export type CompletionRequest = { model: string; messages: ChatMessage[]; signal: AbortSignal };

/** Asks for an answer with the session's cookie. Throws AnswerError; an abort rejects with the signal's reason. */
export async function* streamCompletion(
  request: CompletionRequest,
  fetcher: Fetcher = fetch,
): AsyncGenerator<CompletionEvent> {
  const { model, messages, signal } = request;
  const response = await connect({ model, messages, stream: true, stream_options: { include_usage: true } });
  if (!response.ok) throw await errorOf(response);
  if (response.body === null) throw new AnswerError("bad_answer", "The answer has no body.");
  let finished = false;
  try {
    for await (const data of readEvents(response.body)) {
      if (data === "[DONE]") break;
      for (const event of parseChunk(data)) {
        if (event.type === "finish") finished = true;
        yield event;
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof AnswerError) throw error;
    throw new AnswerError("cut_off", "The connection ended before the answer did.");
  }
  signal.throwIfAborted();
  if (!finished) throw new AnswerError("cut_off", "The connection ended before the answer did.");

  async function connect(body: unknown): Promise<Response> {
    try {
      return await fetcher("/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        credentials: "same-origin",
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new AnswerError("network", "The server cannot be reached.");
    }
  }
}

/** The events of one chunk, in order. An error in the stream is thrown. */
function parseChunk(data: string): CompletionEvent[] {
  const json = parseJson(data);
  const failure = errorSchema.safeParse(json);
  if (failure.success) throw fromApi(failure.data.error, 200);
  const chunk = chunkSchema.safeParse(json);
  if (!chunk.success) throw new AnswerError("bad_answer", "The server sent something that is not an answer.");
  const { choices, usage } = chunk.data;
  const events: CompletionEvent[] = [];
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
