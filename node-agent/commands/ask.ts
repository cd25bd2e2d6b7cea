import { EventSourceParserStream } from "eventsource-parser/stream";
import { z } from "zod";
import { CommandError } from "./command-error.ts";

/** The parts of a streamed chat completion that a terminal shows. */
const chunkSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }),
  z.object({ choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }) })) }),
]);
const errorSchema = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) });

export interface Question {
  origin: string;
  apiKey: string;
  model: string;
  text: string;
  /** The machine may be coming up: an `agent_offline` answer is asked again until then. */
  patienceMs: number;
}

/**
 * Asks over the public API and hands each piece of the answer to `write` as it comes.
 * Throws CommandError `request_failed` with the API's own sentence.
 */
export async function ask(question: Question, write: (text: string) => void): Promise<void> {
  const response = await send(question, performance.now() + question.patienceMs);
  const events = response.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    if (data === "[DONE]") return;
    const chunk = chunkSchema.parse(JSON.parse(data));
    if ("error" in chunk) throw new CommandError("request_failed", chunk.error.message);
    for (const choice of chunk.choices) if (choice.delta.content) write(choice.delta.content);
  }
  throw new CommandError("request_failed", "The answer broke off: the connection to the edge ended too early.");
}

async function send(question: Question, deadline: number): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  for (;;) {
    const response = await fetch(`${question.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${question.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: question.model,
        messages: [{ role: "user", content: question.text }],
        stream: true,
      }),
    });
    if (response.ok && response.body) return response.body;
    const parsed = errorSchema.safeParse(await response.json().catch(() => undefined));
    const error = parsed.success ? parsed.data.error : { message: `The edge answered with status ${response.status}.` };
    const starting = "code" in error && error.code === "agent_offline";
    if (!starting || performance.now() > deadline) throw new CommandError("request_failed", error.message);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
