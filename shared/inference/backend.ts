import type { EmbedRequest, EmbedResult } from "./embed.ts";
import type { GenerateEvent } from "./event.ts";
import type { ModelInfo } from "./model.ts";
import type { GenerateRequest } from "./request.ts";

/** A model as the API lists it: `online` says whether a machine that has it can be reached now. */
export type ListedModel = ModelInfo & { online: boolean };

/** How an answer can be come back to. */
export interface AnswerHandle {
  /** Names it: unique, at most 128 characters. */
  id: string;
  /** Comes back with it; at most 1000 characters. */
  note: string;
  /** Whether it goes on when its client has left. */
  kept: boolean;
}

/** Answers that outlive their client's connection. */
export interface KeptAnswers {
  /** An answer from its start, as it came and comes. Throws `not_found`, also for other callers' answers, and `resume_expired`. */
  resume(id: string, signal: AbortSignal): Promise<{ note: string; events: AsyncIterable<GenerateEvent> }>;
  /** Stops an answer that is under way. Throws `not_found`. */
  cancel(id: string): Promise<void>;
}

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
   * @param handle for `answers`; where there are none it means nothing
   */
  generate(request: GenerateRequest, signal: AbortSignal, handle?: AnswerHandle): AsyncIterable<GenerateEvent>;

  /** Whether it calls tools of plugins; otherwise a request must not name any. */
  readonly callsPlugins?: boolean;

  /** Absent where an answer ends with its client. */
  readonly answers?: KeptAnswers;

  /**
   * Turns texts into vectors. Rejects with PorchlightError, `cancelled` among them: when `signal` aborts, the engine stops after the
   * batch it is at.
   */
  embed(request: EmbedRequest, signal: AbortSignal): Promise<EmbedResult>;
}
