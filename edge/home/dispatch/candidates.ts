import { unknownModel } from "../../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { type ModelInfo, type ModelTask, wrongTask } from "../../../shared/inference/model.ts";
import type { StatusMessage } from "../../../shared/protocol/messages.ts";

/** When an offline machine may be asked for again: it dials within seconds once it is up. */
const OFFLINE_RETRY_MS = 5_000;
/** The same for one out of service, which a person has to bring back. */
const DRAINING_RETRY_MS = 60_000;
/** The same for one that does not answer its trials: the next is soon. */
const UNHEALTHY_RETRY_MS = 15_000;

/** A machine as dispatch sees it. */
export interface AgentView {
  id: string;
  /** What it last said of itself. */
  status: StatusMessage | undefined;
  online: boolean;
  /** Out of service: what runs goes on, nothing new comes. */
  draining: boolean;
  /** Whether its last trial went well. */
  healthy: boolean;
}

/** What a request needs of a machine. */
export interface Needs {
  task: ModelTask;
  model: string;
  /** Bytes of the request: no prompt has more tokens. */
  bodyBytes: number;
  /** Most tokens of the answer, if the request says. */
  maxTokens?: number | undefined;
}

/** A machine that can take a request, with the model as it has it. */
export interface Capable {
  agent: AgentView & { status: StatusMessage };
  model: ModelInfo;
}

/**
 * The machines that can take a request: they have the model, for this task, are online, in service and healthy; where one surely has
 * room for prompt and answer, only such. Never empty. Throws `model_not_found` when the household is known and nobody has the model,
 * `model_task_mismatch` when it is for another task, `agent_offline` when nobody who has it can take work now.
 */
export function capableOf(needs: Needs, agents: readonly AgentView[]): Capable[] {
  const holders = holdersOf(needs, agents);
  const reachable = holders.filter(({ agent }) => agent.online);
  const able = reachable.filter(({ agent }) => !agent.draining && agent.healthy);
  if (able.length === 0) throw nobody(needs.model, reachable, agents);
  const room = needs.bodyBytes + (needs.maxTokens ?? 0);
  const most = Math.max(...able.map(({ model }) => model.contextLength));
  return able.filter(({ model }) => model.contextLength >= Math.min(room, most));
}

/** The machines that have the model for this task, whatever their state. Throws as `capableOf` does. */
export function holdersOf({ task, model }: Pick<Needs, "task" | "model">, agents: readonly AgentView[]): Capable[] {
  const named = agents.flatMap(({ status, ...agent }): Capable[] => {
    const its = status?.models.filter(({ name }) => name === model) ?? [];
    return status === undefined ? [] : its.map((one) => ({ agent: { ...agent, status }, model: one }));
  });
  const known = agents.some(({ status }) => status !== undefined);
  if (known && named.length === 0) throw unknownModel(model);
  const holders = named.filter((one) => one.model.task === task);
  if (named.length > 0 && holders.length === 0) throw wrongTask(model, task);
  return holders;
}

/** Why nobody can take it. */
function nobody(model: string, reachable: readonly Capable[], agents: readonly AgentView[]): PorchlightError {
  const refuse = (retryAfterMs: number, sentence?: string) =>
    new PorchlightError("agent_offline", sentence, { retryAfterMs });
  const name = model.slice(0, 256);
  if (reachable.some(({ agent }) => !agent.draining)) {
    return refuse(
      UNHEALTHY_RETRY_MS,
      `The machine that has '${name}' is online but does not answer its trials. Look at it there.`,
    );
  }
  if (reachable.length > 0) {
    return refuse(
      DRAINING_RETRY_MS,
      `The machine that has '${name}' is out of service. Bring it back on the Machines page.`,
    );
  }
  if (!agents.some(({ online }) => online)) return refuse(OFFLINE_RETRY_MS);
  return refuse(OFFLINE_RETRY_MS, `The machine that has '${name}' is offline. Start it with 'porchlight up'.`);
}

/**
 * Most tokens that a request can cost: no prompt has more tokens than its JSON has bytes, and prompt and answer together are not
 * longer than the model's context. Embeddings have several texts, each with a context of its own.
 */
export function worstCaseTokens(needs: Needs, agents: readonly { status: StatusMessage | undefined }[]): number {
  const { task, model, bodyBytes, maxTokens } = needs;
  if (task === "embed") return bodyBytes;
  const its = agents.flatMap(({ status }) => status?.models.filter(({ name }) => name === model) ?? []);
  const context = Math.max(0, ...its.map(({ contextLength }) => contextLength));
  return Math.min(context, bodyBytes + (maxTokens ?? context));
}
