import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

const chunkSchema = z.object({
  id: z.string(),
  choices: z.array(
    z.object({ delta: z.object({ content: z.string().nullish() }), finish_reason: z.string().nullish() }),
  ),
});
const errorSchema = z.object({ error: z.object({ code: z.string().nullish(), message: z.string() }) });

/** How long somebody waits between two tries to reach an edge that is away, and for how long in all. */
const AGAIN_MS = 50;
const PATIENCE_MS = 180_000;

export interface ResumedAnswer {
  id: string;
  text: string;
  /** Of OpenAI's form. */
  finish: string;
  /** Numbers of the events, in the order they came. */
  numbers: number[];
  /** For each loss of the connection: how long until events came again. */
  reconnectsMs: number[];
}

/**
 * Reads a streamed answer to its end over lost connections, as a client does it by `id` and `starting_after`; one that was lost before
 * its first event is asked for anew. Throws for an answer that ends with an error, or cannot be gone on with.
 * @param onText called after each piece of text
 */
export async function readThrough(
  edge: { origin: string; apiKey: string },
  body: Record<string, unknown>,
  onText: (text: string) => unknown = () => undefined,
): Promise<ResumedAnswer> {
  const answer: ResumedAnswer = { id: "", text: "", finish: "", numbers: [], reconnectsMs: [] };
  let lostAtMs: number | undefined;
  const connect = async (): Promise<Response> => {
    const { origin, apiKey } = edge;
    const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
    if (answer.id === "") {
      const asked = JSON.stringify({ ...body, stream: true });
      return await fetch(`${origin}/v1/chat/completions`, { method: "POST", headers, body: asked });
    }
    const last = answer.numbers.at(-1);
    const after = last === undefined ? "" : `&starting_after=${last}`;
    return await fetch(`${origin}/v1/chat/completions/${answer.id}?stream=true${after}`, { headers });
  };
  for (;;) {
    try {
      const response = await connect();
      if (!response.ok) throw await refusal(response);
      for await (const event of eventsOf(response)) {
        if (lostAtMs !== undefined) answer.reconnectsMs.push(performance.now() - lostAtMs);
        lostAtMs = undefined;
        if (event.data === "[DONE]") return answer;
        await take(answer, event, onText);
      }
    } catch (error) {
      if (error instanceof FinalError) throw error;
    }
    lostAtMs ??= performance.now();
    if (performance.now() - lostAtMs > PATIENCE_MS) throw new FinalError(`${answer.id}: the edge did not come back`);
    await sleep(AGAIN_MS);
  }
}

/** Waiting does not help. */
export class FinalError extends Error {
  override readonly name = "FinalError";
}

async function take(
  answer: ResumedAnswer,
  { number, data }: SentEvent,
  onText: (text: string) => unknown,
): Promise<void> {
  const json: unknown = JSON.parse(data);
  const failure = errorSchema.safeParse(json).data;
  if (failure !== undefined) throw new FinalError(`${answer.id}: ${failure.error.code}: ${failure.error.message}`);
  const { id, choices } = chunkSchema.parse(json);
  answer.id = id;
  if (number !== undefined) answer.numbers.push(number);
  const text = choices[0]?.delta.content ?? "";
  answer.text += text;
  answer.finish = choices[0]?.finish_reason ?? answer.finish;
  if (text !== "") await onText(text);
}

async function refusal(response: Response): Promise<Error> {
  const text = await response.text();
  // An edge or a machine that is on its way says so; everything else stays as it is.
  return response.status >= 500 ? new Error(text) : new FinalError(`HTTP ${response.status}: ${text}`);
}

interface SentEvent {
  number: number | undefined;
  data: string;
}

async function* eventsOf(response: Response): AsyncGenerator<SentEvent> {
  if (response.body === null) return;
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + text).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const lines = event.split("\n");
      const data = lines.find((line) => line.startsWith("data: "))?.slice("data: ".length);
      const id = lines.find((line) => line.startsWith("id: "))?.slice("id: ".length);
      if (data !== undefined) yield { number: id === undefined ? undefined : Number(id), data };
    }
  }
}
