import type { Reasoning } from "../inference/request.ts";

/** Words for how much a model is to think, of every dialect that has some. */
export const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type Effort = (typeof EFFORTS)[number];

/** Tokens of thoughts that an effort is worth; those that are missing have no limit but the answer's. */
const BUDGETS: Partial<Record<Effort, number>> = { minimal: 512, low: 2048, medium: 8192 };

/** What an effort means in the canonical request. */
export function reasoningOf(effort: Effort): Reasoning {
  if (effort === "none") return { enabled: false };
  const maxTokens = BUDGETS[effort];
  return { enabled: true, ...(maxTokens === undefined ? {} : { maxTokens }) };
}
