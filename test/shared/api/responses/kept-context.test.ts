import { array, assert, asyncProperty, boolean, record, string } from "fast-check";
import { expect, it } from "vitest";
import { createInferenceApi } from "../../../../shared/api/inference-api.ts";
import { createMemoryRecords } from "../../../../shared/api/openai/kept/memory-records.ts";
import type { Message } from "../../../../shared/inference/request.ts";
import { noEmbeddings } from "../../../support/no-embeddings.ts";
import { MODEL } from "../support.ts";

const text = string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const turns = array(record({ question: text, answer: text, thought: text, streamed: boolean() }), {
  minLength: 1,
  maxLength: 5,
});

/** An API whose model says what it is told to, and what it was asked last. */
function apiSaying() {
  const state: { says: { answer: string; thought: string }; asked: Message[] } = {
    says: { answer: "", thought: "" },
    asked: [],
  };
  const records = createMemoryRecords();
  const api = createInferenceApi({
    backend: () => ({
      listModels: async () => [MODEL],
      embed: noEmbeddings,
      async *generate({ messages }) {
        state.asked = messages;
        yield { type: "reasoning", text: state.says.thought };
        yield { type: "text", text: state.says.answer };
        yield { type: "finish", reason: "stop" };
      },
    }),
    responses: { records: () => records },
  });
  const post = async (path: string, body: object): Promise<string> => {
    const headers = { "content-type": "application/json" };
    const response = await api.request(path, { method: "POST", headers, body: JSON.stringify(body) });
    expect(response.status).toBe(200);
    return await response.text();
  };
  return { state, post };
}

it("is the conversation as it would be sent whole, named by its last response or as a conversation", async () => {
  await assert(
    asyncProperty(turns, boolean(), async (said, byConversation) => {
      const { state, post } = apiSaying();
      const { id: conversation } = JSON.parse(await post("/v1/conversations", {}));
      let previous: string | undefined;
      const whole: object[] = [];
      for (const { question, answer, thought, streamed } of said) {
        state.says = { answer, thought };
        const names = byConversation ? { conversation } : { previous_response_id: previous };
        const asked = await post("/v1/responses", { model: "m", input: question, stream: streamed, ...names });
        previous = /"(resp_\w{32})"/.exec(asked)?.[1];
        const seen = state.asked;
        whole.push({ role: "user", content: question });
        await post("/v1/responses", { model: "m", input: whole, store: false });
        expect(seen).toEqual(state.asked);
        whole.push(
          { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: thought }] },
          { role: "assistant", content: answer },
        );
      }
    }),
    { numRuns: 30 },
  );
});
