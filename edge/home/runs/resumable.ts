import type { GenerateRequest } from "../../../shared/inference/request.ts";

/** What a seed is drawn from. */
const SEEDS = 2 ** 31;

/**
 * A request with all that a machine needs for going on with its answer as the first would have: the tokens so far, and the same random
 * numbers.
 */
export function resumable(request: GenerateRequest): GenerateRequest {
  return {
    ...request,
    sampling: { seed: Math.floor(Math.random() * SEEDS), ...request.sampling },
    tokenIds: true,
  };
}
