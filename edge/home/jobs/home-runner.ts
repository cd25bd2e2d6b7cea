import type { Machines } from "../dispatch/machines.ts";
import type { Runs } from "../runs/runs.ts";
import type { JobNeeds, JobRunner } from "./runner.ts";

/** The household's machines and runs, as the queue of jobs knows them. */
export function jobRunner(machines: Machines, runs: Runs): JobRunner {
  const needs = ({ model, bodyBytes, maxTokens }: JobNeeds) => ({
    task: "generate" as const,
    model,
    bodyBytes,
    maxTokens,
  });
  return {
    hasRoom: (job) => machines.hasRoom(needs(job)),
    prospects: (job) => machines.prospects(needs(job)),
    // Nobody waits for it at a page: another machine may go on with it.
    start: ({ runId, ...run }) => void runs.start({ ...run, id: runId, prefix: [], owner: "job", replay: true }),
    cancel: (runId) => runs.stop(runId),
    has: (runId) => runs.has(runId),
    progress: (runId) => runs.progress(runId),
  };
}
