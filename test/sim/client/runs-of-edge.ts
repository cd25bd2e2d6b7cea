import { PorchlightError } from "../../../shared/errors.ts";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";

/** Answers at the edge as a client meets them: the Worker's own code, for one caller. */
export class RunsOfEdge {
  readonly #backend: InferenceBackend;
  readonly #id: string;

  constructor(backend: InferenceBackend, id: string) {
    this.#backend = backend;
    this.#id = id;
  }

  start(request: GenerateRequest, kept: boolean, signal: AbortSignal): AsyncIterable<GenerateEvent> {
    return this.#backend.generate(request, signal, { id: this.#id, note: "", kept });
  }

  /** What comes behind the first `from` numbered events. */
  async *resume(from: number, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    try {
      const resumed = await this.#backend.answers?.resume(this.#id, signal);
      let left = from;
      for await (const event of resumed?.events ?? []) {
        if (event.type === "progress" || left-- <= 0) yield event;
      }
    } catch (error) {
      if (!(error instanceof PorchlightError)) throw error;
      yield { type: "error", error: error.toWire() };
    }
  }

  /** Presses stop. Returns whether there was anything to stop. */
  async cancel(): Promise<boolean> {
    try {
      await this.#backend.answers?.cancel(this.#id);
      return true;
    } catch (error) {
      if (error instanceof PorchlightError && error.code === "not_found") return false;
      throw error;
    }
  }
}
