import { PorchlightError } from "../../../shared/errors.ts";
import type { EmbedRequest } from "../../../shared/inference/embed.ts";
import { EMBED_MODEL, vectorsOf } from "../agent/script.ts";
import type { Product } from "../edge/product.ts";
import { Violation } from "../kernel/kernel.ts";
import type { ClientOptions } from "./client.ts";

/** How a request for embeddings came out: an error's code, or `done`. */
export interface EmbedOutcome {
  requestId: string;
  ended: string | undefined;
}

export interface EmbedOptions extends Pick<ClientOptions, "kernel" | "random" | "requestId" | "caller"> {
  product: Product;
  /** The Home object as a Worker sees it. */
  home: unknown;
}

/** Asks for the vectors of a few texts through the Worker's own code. */
export function embedOnce(options: EmbedOptions): EmbedOutcome {
  const { kernel, random, product, home, requestId, caller } = options;
  const outcome: EmbedOutcome = { requestId, ended: undefined };
  const inputs = Array.from({ length: random.int(1, 8) }, (_, n) => requestId.repeat(random.int(1, 200)) + n);
  const request: EmbedRequest = { model: EMBED_MODEL, inputs, truncate: false };
  const ask = async (): Promise<void> => {
    const from = { requestId, caller, priority: "normal", models: null, onHeaders: () => undefined } as const;
    try {
      const { vectors } = await product.homeBackend(home, from).embed(request, new AbortController().signal);
      const expected = vectorsOf(request).vectors;
      const isRight = vectors.length === expected.length && vectors.every((its, n) => isSame(its, expected[n]));
      if (!isRight) throw new Violation(`${requestId} has other vectors`);
      outcome.ended = "done";
    } catch (error) {
      if (!(error instanceof PorchlightError)) throw error;
      outcome.ended = error.code;
    }
    kernel.trace(`has its vectors: ${outcome.ended}`);
  };
  kernel.plan(kernel.spawn(`client ${requestId}`), 0, () => {
    ask().catch((error: unknown) => kernel.fail(error));
  });
  return outcome;
}

function isSame(a: Float32Array, b: Float32Array | undefined): boolean {
  return a.length === b?.length && a.every((value, n) => value === b[n]);
}
