import { bearer, postJson, request } from "./edge.ts";

export const QUESTION = { model: "starter", messages: [{ role: "user", content: "hello" }] };

export async function chat(apiKey: string, body: Record<string, unknown> = {}): Promise<Response> {
  return await postJson("/v1/chat/completions", { ...QUESTION, ...body }, bearer(apiKey));
}

/** The `data:` payloads of a whole event stream. */
export function dataOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice("data: ".length));
}

/** The text that a streamed answer adds up to. */
export function textOf(payloads: string[]): string {
  return payloads
    .filter((payload) => payload !== "[DONE]")
    .map((payload) => {
      // Our own chunks, checked in detail by the tests of shared/api.
      const chunk = JSON.parse(payload) as { choices?: { delta: { content?: string } }[] };
      return chunk.choices?.[0]?.delta.content ?? "";
    })
    .join("");
}

/** Waits until the edge lists (or no longer lists) the model as online. */
export async function modelOnline(apiKey: string, name: string, online = true): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const response = await request(`/v1/models/${name}`, { headers: bearer(apiKey) });
    if (response.ok && (await response.json<{ online: boolean }>()).online === online) return;
    await scheduler.wait(10);
  }
  throw new Error(`${name} did not get ${online ? "online" : "offline"}`);
}
