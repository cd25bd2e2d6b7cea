import type { EmbedRequest, EmbedResult } from "./embed.ts";
import type { GenerateEvent } from "./event.ts";
import type { ModelInfo } from "./model.ts";
import type { GenerateRequest } from "./request.ts";

/** A model as the API lists it: `online` says whether a machine that has it can be reached now. */
export type ListedModel = ModelInfo & { online: boolean };

/**
 * What the inference API stands on. At home it is the engine; at the edge it is the tunnel to one; both are mounted under the
 * same Hono app (shared/api).
 */
export interface InferenceBackend {
  /** The models there are. May throw PorchlightError. */
  listModels(): Promise<ListedModel[]>;

  /**
   * Starts a generation. Never throws and never rejects: whatever goes wrong comes as a last `error` event, so a caller that
   * iterates to the end has seen everything. The stream obeys the order stated at GenerateEvent. When `signal` aborts, or the
   * caller leaves the iteration early, the engine stops and frees the slot; no further event need come.
   */
  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateEvent>;

  /**
   * Turns texts into vectors. Rejects with PorchlightError, `cancelled` among them: when `signal` aborts, the engine stops after the
   * batch it is at.
   */
  embed(request: EmbedRequest, signal: AbortSignal): Promise<EmbedResult>;
}
