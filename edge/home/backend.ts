import { unknownModel } from "../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend, ListedModel } from "../../shared/inference/backend.ts";
import type { EmbedRequest, EmbedResult } from "../../shared/inference/embed.ts";
import { collectEmbedLines } from "../../shared/inference/embed-lines.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { ModelTask } from "../../shared/inference/model.ts";
import type { GenerateRequest, Priority } from "../../shared/inference/request.ts";
import { allowsModel, type Caller } from "../credentials/key-grant.ts";
import type { EdgeBindings } from "../env.ts";
import { readEmbedLines, readEvents } from "./event-lines.ts";
import { decodeAnswer, encodeJob } from "./generate-job.ts";
import type { AgentStatus } from "./dispatch/machines.ts";
import type { Home } from "./home.ts";

/** The Home object of an account. */
export function homeOf(env: EdgeBindings, accountId: string): DurableObjectStub<Home> {
  return env.HOME.getByName(accountId);
}

/** For whom a backend works, and how it tells of what concerns the whole answer. */
export interface JobSource {
  /** Names what is started. */
  requestId: string;
  caller: Caller;
  priority: Priority;
  /** Whether another machine may go on with an answer that has begun; absent: as the household decided. */
  replay?: "on" | "off" | undefined;
  /** Models that may be used; null: all. */
  models: readonly string[] | null;
  /** Hears the headers that tell a client how it stands with its limits. */
  onHeaders(headers: Headers): void;
}

/** The machines of one account as a backend. Who asks is said here, never by the client. */
export function homeBackend(home: DurableObjectStub<Home>, from: JobSource): InferenceBackend {
  const named = (request: GenerateRequest): GenerateRequest => ({
    ...request,
    caller: from.caller.id,
    ...(from.priority === "normal" ? {} : { priority: from.priority }),
  });
  return {
    listModels: async () => listModels(await home.agents()).filter(({ name }) => allowsModel(from.models, name)),
    generate: (request, signal) => generate(home, from, named(request), signal),
    embed: (request, signal) => embed(home, from, request, signal),
  };
}

async function* generate(
  home: DurableObjectStub<Home>,
  from: JobSource,
  request: GenerateRequest,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent> {
  try {
    yield* readEvents(await start(home, "generate", from, request, signal), signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof PorchlightError)) console.error(`request ${from.requestId}: its events failed:`, error);
    yield { type: "error", error: PorchlightError.from(error).toWire() };
  }
}

async function embed(
  home: DurableObjectStub<Home>,
  from: JobSource,
  request: EmbedRequest,
  signal: AbortSignal,
): Promise<EmbedResult> {
  try {
    const lines = readEmbedLines(await start(home, "embed", from, request, signal), signal);
    return await collectEmbedLines(lines, request.inputs.length);
  } catch (error) {
    if (signal.aborted) throw new PorchlightError("cancelled");
    throw error;
  }
}

/** Throws the PorchlightError of a refusal. A model that is not allowed is refused like one that nobody has. */
async function start(
  home: DurableObjectStub<Home>,
  task: ModelTask,
  from: JobSource,
  request: GenerateRequest | EmbedRequest,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  if (!allowsModel(from.models, request.model)) throw unknownModel(request.model);
  const response = await ask(home, encodeJob(task, from, request, signal));
  from.onHeaders(response.headers);
  return await decodeAnswer(response);
}

/** The object's answer. Throws `edge_restarting` where the object was lost before it could give one: a deploy does that. */
async function ask(home: DurableObjectStub<Home>, request: Request): Promise<Response> {
  try {
    return await home.fetch(request);
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    console.error("The Home object did not answer:", cause);
    throw new PorchlightError("edge_restarting", undefined, { cause });
  }
}

/** Models by name; one that several machines have is online or loaded if it is so on any of them. */
function listModels(agents: AgentStatus[]): ListedModel[] {
  const models = new Map<string, ListedModel>();
  for (const { online, models: its } of agents) {
    for (const model of its) {
      const known = models.get(model.name);
      const best = known && (known.online || !online) ? known : { ...model, online };
      models.set(model.name, { ...best, loaded: (online && model.loaded) || known?.loaded === true });
    }
  }
  return [...models.values()];
}
