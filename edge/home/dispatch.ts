import { unknownModel } from "../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { type ModelTask, wrongTask } from "../../shared/inference/model.ts";
import type { StatusMessage } from "../../shared/protocol/messages.ts";
import type { Tunnel } from "./tunnels.ts";

/** When an offline machine may be asked for again: it dials within seconds once it is up. */
const OFFLINE_RETRY_MS = 5_000;

/**
 * The tunnels a request may go through, the least busy first; never empty. Throws `model_not_found` when the household is known
 * and nobody has the model, `model_task_mismatch` when it is for another task, `agent_offline` when who has it cannot be reached.
 */
export function tunnelsFor(
  task: ModelTask,
  model: string,
  agents: { id: string; status: StatusMessage | undefined }[],
  tunnels: Tunnel[],
): Tunnel[] {
  const named = agents.filter(({ status }) => status?.models.some(({ name }) => name === model));
  const known = agents.some(({ status }) => status !== undefined);
  if (known && named.length === 0) throw unknownModel(model);
  const holders = named.filter(({ status }) => status?.models.some((its) => its.name === model && its.task === task));
  if (named.length > 0 && holders.length === 0) throw wrongTask(model, task);
  const ids = new Set(holders.map(({ id }) => id));
  const reachable = tunnels.filter(({ agentId }) => ids.has(agentId));
  if (reachable.length > 0) return reachable.toSorted((a, b) => a.session.streamCount - b.session.streamCount);
  const sentence =
    tunnels.length === 0 ? undefined : `The machine that has '${model}' is offline. Start it with 'porchlight up'.`;
  throw new PorchlightError("agent_offline", sentence, { retryAfterMs: OFFLINE_RETRY_MS });
}

/**
 * Most tokens that a request can cost: no prompt has more tokens than its JSON has bytes, and prompt and answer together are not
 * longer than the model's context. Embeddings have several texts, each with a context of its own.
 */
export function worstCaseTokens(
  job: { task: ModelTask; model: string; body: Uint8Array; maxTokens?: number | undefined },
  agents: { status: StatusMessage | undefined }[],
): number {
  const bytes = job.body.length;
  if (job.task === "embed") return bytes;
  const its = agents.flatMap(({ status }) => status?.models.filter(({ name }) => name === job.model) ?? []);
  const context = Math.max(0, ...its.map(({ contextLength }) => contextLength));
  return Math.min(context, bytes + (job.maxTokens ?? context));
}
