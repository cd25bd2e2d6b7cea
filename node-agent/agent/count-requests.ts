import type { InferenceBackend } from "../../shared/inference/backend.ts";

/** A backend that counts what it is at. */
export interface CountedBackend {
  backend: InferenceBackend;
  /** Requests that are being answered. */
  running(): number;
}

/** Counts the requests to a backend while they run. `onChange` is called when the number is another. */
export function countRequests(inner: InferenceBackend, onChange: () => void): CountedBackend {
  let running = 0;
  const count = (by: 1 | -1): void => {
    running += by;
    onChange();
  };
  return {
    running: () => running,
    backend: {
      listModels: () => inner.listModels(),
      async *generate(request, signal) {
        count(1);
        try {
          yield* inner.generate(request, signal);
        } finally {
          count(-1);
        }
      },
      embed: async (request, signal) => {
        count(1);
        return await inner.embed(request, signal).finally(() => count(-1));
      },
    },
  };
}
