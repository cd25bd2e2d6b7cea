import { z } from "zod";
import { PorchlightError, wireErrorSchema } from "../../shared/errors.ts";
import type { EmbedRequest } from "../../shared/inference/embed.ts";
import { type ModelTask, modelTaskSchema } from "../../shared/inference/model.ts";
import { type GenerateRequest, type Priority, prioritySchema } from "../../shared/inference/request.ts";
import { encodeJson } from "../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import { streamHeaderSchema } from "../../shared/protocol/messages.ts";
import { type Caller, callerSchema } from "../credentials/key-grant.ts";
import { encodePrefixKeys, prefixHeaderSchema, prefixKeys } from "./dispatch/prefix-keys.ts";
import { QuotaError } from "./quota/gate.ts";

/** How the Worker asks the Home object for a generation or for embeddings: over fetch, because only there a client's leaving crosses at once. */
const jobSchema = z.object({
  task: modelTaskSchema,
  requestId: streamHeaderSchema.options[0].shape.requestId,
  /** Percent-encoded in the header: names may be any Unicode, and any client's text (half a surrogate pair cannot be encoded). */
  model: z.string().transform(decodeURIComponent),
  caller: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(callerSchema),
  /** Most tokens of the answer, if the request says. */
  maxTokens: z.coerce.number().int().nonnegative().optional(),
  /** Whether another machine may go on with the answer once it has begun; absent: as the household decided. */
  replay: z.enum(["on", "off"]).optional(),
  /** What whoever asks wants to know when it comes back to a generation; percent-encoded in the header. */
  note: z.string().max(4096).transform(decodeURIComponent).default(""),
  /** Whether a generation goes on when its client has left. */
  kept: z
    .literal("yes")
    .optional()
    .transform((value) => value === "yes"),
  /** The person whose plugins are called for it; only where it names some. */
  pluginsOf: z.string().max(128).optional(),
  /** What the caller may use, for what plugins ask of models. */
  priority: prioritySchema.optional(),
  models: z
    .string()
    .transform((text): unknown => JSON.parse(decodeURIComponent(text)))
    .pipe(z.array(z.string()).nullable())
    .optional(),
  /** The beginnings of the prompt, by which the machine is found that has computed one. */
  prefix: prefixHeaderSchema,
});
export type GenerateJob = z.infer<typeof jobSchema> & { body: Uint8Array };

/** The path that asks for each. */
const PATHS: Record<ModelTask, string> = { generate: "/generate", embed: "/embed" };
const REQUEST_ID = "porchlight-request-id";
const MODEL = "porchlight-model";
const CALLER = "porchlight-caller";
const MAX_TOKENS = "porchlight-max-tokens";
const PREFIX = "porchlight-prefix";
const REPLAY = "porchlight-replay";
const NOTE = "porchlight-note";
const KEPT = "porchlight-kept";
const PLUGINS_OF = "porchlight-plugins-of";
const PRIORITY = "porchlight-priority";
const MODELS = "porchlight-models";

export function isJob(request: Request): boolean {
  return taskOf(request) !== undefined;
}

function taskOf(request: Request): string | undefined {
  const { pathname } = new URL(request.url);
  return Object.entries(PATHS).find(([, path]) => path === pathname)?.[0];
}

interface JobOrigin {
  requestId: string;
  caller: Caller;
  replay?: "on" | "off" | undefined;
  note?: string;
  kept?: boolean;
  pluginsOf?: string | undefined;
  priority?: Priority;
  models?: readonly string[] | null;
}

/** Throws PorchlightError `body_too_large` for what no stream of the tunnel takes. */
export function encodeJob(
  task: ModelTask,
  from: JobOrigin,
  request: GenerateRequest | EmbedRequest,
  signal: AbortSignal,
): Request {
  const body = encodeJson(request);
  if (body.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
  const headers = new Headers({
    [REQUEST_ID]: from.requestId,
    [MODEL]: encodeURIComponent(request.model.toWellFormed()),
    [CALLER]: JSON.stringify(from.caller),
  });
  if ("maxTokens" in request && request.maxTokens !== undefined) headers.set(MAX_TOKENS, String(request.maxTokens));
  if (from.replay !== undefined) headers.set(REPLAY, from.replay);
  if (from.note !== undefined) headers.set(NOTE, encodeURIComponent(from.note.toWellFormed()));
  if (from.kept === true) headers.set(KEPT, "yes");
  if ("plugins" in request && request.plugins !== undefined && from.pluginsOf !== undefined) {
    headers.set(PLUGINS_OF, from.pluginsOf);
    headers.set(PRIORITY, from.priority ?? "normal");
    headers.set(MODELS, encodeURIComponent(JSON.stringify(from.models ?? null).toWellFormed()));
  }
  if ("messages" in request) headers.set(PREFIX, encodePrefixKeys(prefixKeys(request)));
  return new Request(`https://home${PATHS[task]}`, { method: "POST", headers, body, signal });
}

export async function decodeJob(request: Request): Promise<GenerateJob> {
  const { headers } = request;
  const job = jobSchema.parse({
    task: taskOf(request),
    requestId: headers.get(REQUEST_ID),
    model: headers.get(MODEL),
    caller: headers.get(CALLER),
    maxTokens: headers.get(MAX_TOKENS) ?? undefined,
    replay: headers.get(REPLAY) ?? undefined,
    note: headers.get(NOTE) ?? undefined,
    kept: headers.get(KEPT) ?? undefined,
    pluginsOf: headers.get(PLUGINS_OF) ?? undefined,
    priority: headers.get(PRIORITY) ?? undefined,
    models: headers.get(MODELS) ?? undefined,
    prefix: headers.get(PREFIX) ?? "",
  });
  return { ...job, body: await request.bytes() };
}

/** The refusal of a job, as a response of the Home object. */
export function encodeRefusal(error: unknown): Response {
  const refusal = PorchlightError.from(error);
  const headers = refusal instanceof QuotaError ? refusal.headers : {};
  return Response.json(refusal.toWire(), { status: refusal.status, headers });
}

/** The NDJSON of a job's answer. Throws the PorchlightError of a refusal. */
export async function decodeAnswer(response: Response): Promise<ReadableStream<Uint8Array>> {
  if (!response.ok || !response.body) throw PorchlightError.fromWire(wireErrorSchema.parse(await response.json()));
  return response.body;
}
