import { PorchlightError } from "../../shared/errors.ts";
import type { TokenLogprob } from "../../shared/inference/output-format.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** How likely the model held a chosen token and the likeliest ones there, as natural logarithms. */
export interface SampledLogprobs {
  readonly token: number;
  readonly logprob: number;
  /** Most likely first. */
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}

/**
 * @param logits of one position, [vocabSize], as the model computed them
 * @param count of likely tokens, small
 */
export function logprobsOf(logits: Float32Array, token: number, count: number): SampledLogprobs {
  let best = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > best) best = logit;
  let mass = 0;
  for (const logit of logits) if (!Number.isNaN(logit)) mass += Math.exp(logit - best);
  const logMass = best + Math.log(mass);
  // Rounding may put a certain token a hair above 0.
  const logprob = (id: number): number => Math.min(0, (logits[id] ?? Number.NEGATIVE_INFINITY) - logMass);
  const top = largest(logits, count).map((id) => ({ token: id, logprob: logprob(id) }));
  return { token, logprob: logprob(token), top };
}

/** The ids of the `count` largest logits, largest first, equal ones by id. */
function largest(logits: Float32Array, count: number): number[] {
  const ids: number[] = [];
  if (count === 0) return ids;
  let least = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? Number.NaN;
    if (!(logit > least) && (ids.length >= count || Number.isNaN(logit))) continue;
    const place = ids.findIndex((other) => logit > (logits[other] ?? 0));
    ids.splice(place === -1 ? ids.length : place, 0, id);
    if (ids.length > count) ids.pop();
    if (ids.length === count) least = logits[ids[count - 1] ?? 0] ?? least;
  }
  return ids;
}

/** JSON has no infinities: what the model held impossible is told as this, as OpenAI does. */
const IMPOSSIBLE = -9999;

/** The tokens as a client sees them. */
export function describeLogprobs(sampled: SampledLogprobs, tokenizer: Pick<Tokenizer, "bytesOf">): TokenLogprob {
  const describe = ({ token, logprob }: { token: number; logprob: number }) => {
    const bytes = tokenizer.bytesOf(token);
    return { token: utf8.decode(bytes), bytes: Array.from(bytes), logprob: Math.max(IMPOSSIBLE, logprob) };
  };
  return { ...describe(sampled), top: sampled.top.map(describe) };
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** A request's biases by token. Throws `invalid_request` for a token that the model does not have. */
export function biasOf(bias: GenerateRequest["logitBias"], vocabSize: number): ReadonlyMap<number, number> {
  const byToken = new Map(Object.entries(bias ?? {}).map(([token, amount]) => [Number(token), amount]));
  const unknown = [...byToken.keys()].find((token) => token >= vocabSize);
  if (unknown !== undefined) {
    throw new PorchlightError(
      "invalid_request",
      `There is no token ${unknown} to bias: this model's tokens are 0 to ${vocabSize - 1}.`,
      { param: "logit_bias" },
    );
  }
  return byToken;
}
