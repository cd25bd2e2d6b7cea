import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend, ListedModel } from "../../shared/inference/backend.ts";
import type { EmbedRequest, EmbedResult } from "../../shared/inference/embed.ts";
import { collectEmbedLines } from "../../shared/inference/embed-lines.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import type { EdgeBindings } from "../env.ts";
import { readEmbedLines, readEvents } from "./event-lines.ts";
import { decodeAnswer, encodeJob } from "./generate-job.ts";
import type { AgentStatus, Home } from "./home.ts";

/** The Home object of an account. */
export function homeOf(env: EdgeBindings, accountId: string): DurableObjectStub<Home> {
  return env.HOME.getByName(accountId);
}

/** The machines of one account as a backend; `requestId` names what it starts. */
export function homeBackend(home: DurableObjectStub<Home>, requestId: string): InferenceBackend {
  return {
    listModels: async () => listModels(await home.agents()),
    generate: (request, signal) => generate(home, requestId, request, signal),
    embed: (request, signal) => embed(home, requestId, request, signal),
  };
}

async function* generate(
  home: DurableObjectStub<Home>,
  requestId: string,
  request: GenerateRequest,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent> {
  try {
    const response = await home.fetch(encodeJob("generate", requestId, request, signal));
    yield* readEvents(await decodeAnswer(response), signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof PorchlightError)) console.error(`request ${requestId}: its events failed:`, error);
    yield { type: "error", error: PorchlightError.from(error).toWire() };
  }
}

async function embed(
  home: DurableObjectStub<Home>,
  requestId: string,
  request: EmbedRequest,
  signal: AbortSignal,
): Promise<EmbedResult> {
  try {
    const response = await home.fetch(encodeJob("embed", requestId, request, signal));
    const lines = readEmbedLines(await decodeAnswer(response), signal);
    return await collectEmbedLines(lines, request.inputs.length);
  } catch (error) {
    if (signal.aborted) throw new PorchlightError("cancelled");
    throw error;
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
