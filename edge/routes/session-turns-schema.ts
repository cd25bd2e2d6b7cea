import { z } from "@hono/zod-openapi";
import { chatRequestSchema } from "../../shared/api/openai/chat-request-schema.ts";
import { toGenerateRequest } from "../../shared/api/openai/chat-request.ts";
import { pickedFilesSchema } from "../../shared/inference/plugin-use.ts";
import type { PluginCaller } from "../../shared/plugin/context.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import { type SessionSettings, sessionSettingsSchema } from "../../shared/sessions/settings.ts";
import type { Turn } from "../../shared/sessions/turn.ts";
import { traceSchema } from "../home/sessions/context/trace.ts";
import { shownTurn, shownTurnSchema } from "./sessions-schema.ts";

const chat = chatRequestSchema.shape;
const held = sessionSettingsSchema.shape;

/** How an answer is made: as in a chat request. */
const options = {
  stream: chat.stream,
  stream_options: chat.stream_options,
  max_tokens: chat.max_tokens,
  max_completion_tokens: chat.max_completion_tokens,
  stop: chat.stop,
  seed: chat.seed,
  temperature: chat.temperature,
  top_p: chat.top_p,
  top_k: chat.top_k,
  min_p: chat.min_p,
  frequency_penalty: chat.frequency_penalty,
  presence_penalty: chat.presence_penalty,
  repetition_penalty: chat.repetition_penalty,
  reasoning_effort: chat.reasoning_effort,
  response_format: chat.response_format,
};

/** How the conversation is held for this turn: before what the session, the person and the edge have set. */
const settings = {
  model: held.model.openapi({
    description: "Absent: the session's, or the person's, or the one that answered before.",
  }),
  window: held.window.openapi({ description: "The last turns that are sent as they are." }),
  summary: held.summary,
  retrieval: held.retrieval,
  memory: held.memory,
  instructions: held.instructions,
  plugins: held.plugins.openapi({
    description: "Whose tools the model may call: `*` for all that are switched on, or plugins by their names.",
  }),
  knowledge: held.knowledge.openapi({
    description: "Whether those of `plugins` that have knowledge are searched before the answer, which cites them.",
  }),
  approval: held.approval.openapi({
    description:
      "When a tool that writes or sends waits for the person's word: once the conversation has seen what strangers wrote, always, or never.",
  }),
  toolRounds: held.toolRounds.openapi({ description: "Most rounds of calls before the answer; 8 if nothing is set." }),
};

/** For the tools that the model may call. */
const forTools = {
  files: pickedFilesSchema
    .optional()
    .openapi({ description: "Ids of your files (`/v1/files`) that tools may read for this turn." }),
  locale: z.enum(["en", "zh-CN"]).optional().openapi({ description: "The language that tools answer in." }),
  timeZone: z.string().max(64).optional().openapi({ description: "IANA name. Absent: UTC." }),
};

const fieldsSchema = z.strictObject({ ...options, ...settings, ...forTools });

const isOneLimit = (body: z.infer<typeof fieldsSchema>): boolean =>
  typeof body.max_tokens !== "number" || typeof body.max_completion_tokens !== "number";
const oneLimit = {
  path: ["max_tokens"],
  error: "give either 'max_tokens' or 'max_completion_tokens', not both",
};
const isOptionOfStream = (body: z.infer<typeof fieldsSchema>): boolean => !body.stream_options || body.stream === true;
const optionOfStream = { path: ["stream_options"], error: "it is only allowed when 'stream' is true" };

export const turnRequestSchema = fieldsSchema
  .extend({
    content: z.string().min(1).max(2_000_000).openapi({ description: "What the person says." }),
  })
  .refine(isOneLimit, oneLimit)
  .refine(isOptionOfStream, optionOfStream)
  .openapi("TurnRequest", { example: { content: "Which trees grow in the shade?", stream: true } });

export const regenerateSchema = fieldsSchema
  .refine(isOneLimit, oneLimit)
  .refine(isOptionOfStream, optionOfStream)
  .openapi("RegenerateRequest", { example: { temperature: 1 } });

export const tracedTurnSchema = shownTurnSchema
  .extend({
    runId: z
      .string()
      .nullable()
      .openapi({ description: "The answer's id: `GET /v1/chat/completions/{id}` goes on with it." }),
    trace: traceSchema
      .nullable()
      .openapi({ description: "What was sent to the model; null for turns from elsewhere." }),
  })
  .openapi("TracedTurn");

/** A turn with what was sent for it. */
export function tracedTurn(turn: Turn): z.infer<typeof tracedTurnSchema> {
  return { ...shownTurn(turn), runId: turn.runId ?? null, trace: traceSchema.safeParse(turn.trace).data ?? null };
}

/** What a body says of how the turn is held, and of how it is answered. Throws PorchlightError for what cannot be. */
export function readTurnBody(given: z.infer<typeof fieldsSchema>): {
  settings: SessionSettings;
  options: Omit<GenerateRequest, "model" | "messages">;
  asker: PluginCaller;
  files: readonly string[];
} {
  const { files = [], locale = "en", timeZone = "UTC", ...body } = given;
  const {
    window,
    summary,
    retrieval,
    memory,
    instructions,
    model,
    plugins,
    knowledge,
    approval,
    toolRounds,
    ...asked
  } = body;
  // The question and the model are put in their places where they are known.
  const {
    model: _model,
    messages: _messages,
    maxTokens,
    sampling,
    ...rest
  } = toGenerateRequest({
    ...asked,
    model: "-",
    messages: [{ role: "user", content: "-" }],
  });
  const { temperature, ...drawn } = sampling;
  const kept = { window, summary, retrieval, memory, instructions, model, plugins, knowledge, approval, toolRounds };
  const set = { ...kept, maxTokens, temperature };
  return {
    settings: Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)),
    options: { ...rest, sampling: drawn },
    asker: { locale, timeZone },
    files,
  };
}
