import { PorchlightError, type WireError } from "../../shared/errors.ts";
import type { EmbedRequest, EmbedResult } from "../../shared/inference/embed.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import { createEventQueue, type EventQueue } from "./event-queue.ts";
import type { FromModel, ToModel } from "./process-messages.ts";
import type { SchedulerStats } from "./scheduler-stats.ts";

/** Messages from a model's process that belong to a request. */
export type Answer = Extract<FromModel, { type: "events" | "stats" | "embedded" | "embed_failed" }>;

/** What is asked of one model and not answered yet, whichever life of its process is to answer. */
export class PendingRequests {
  #nextId = 0;
  readonly #generations = new Map<number, { request: GenerateRequest; queue: EventQueue }>();
  readonly #embeddings = new Map<number, { request: EmbedRequest; result: PromiseWithResolvers<EmbedResult> }>();
  readonly #stats = new Map<number, (stats: SchedulerStats | null) => void>();

  /** `queue` ends with the answer. */
  generate(request: GenerateRequest): { message: Extract<ToModel, { type: "generate" }>; queue: EventQueue } {
    const id = this.#nextId++;
    const queue = createEventQueue();
    this.#generations.set(id, { request, queue });
    return { message: { type: "generate", id, request }, queue };
  }

  embed(request: EmbedRequest): { message: Extract<ToModel, { type: "embed" }>; result: Promise<EmbedResult> } {
    const id = this.#nextId++;
    const result = Promise.withResolvers<EmbedResult>();
    this.#embeddings.set(id, { request, result });
    return { message: { type: "embed", id, request }, result: result.promise };
  }

  stats(): { message: Extract<ToModel, { type: "stats" }>; stats: Promise<SchedulerStats | null> } {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<SchedulerStats | null>();
    this.#stats.set(id, resolve);
    return { message: { type: "stats", id }, stats: promise };
  }

  /** Nobody waits for a request any more. Returns whether it was not answered. */
  drop(id: number): boolean {
    const embedding = this.#take(id);
    embedding?.reject(new PorchlightError("cancelled"));
    return this.#generations.delete(id) || embedding !== undefined;
  }

  /** What asks a process for all of them. */
  messages(): ToModel[] {
    return [
      ...[...this.#generations].map(([id, { request }]) => ({ type: "generate" as const, id, request })),
      ...[...this.#embeddings].map(([id, { request }]) => ({ type: "embed" as const, id, request })),
    ];
  }

  /** How far the model they wait for has come, in [0, 1]. */
  loading(fraction: number): void {
    for (const { queue } of this.#generations.values()) queue.push({ type: "progress", stage: "loading", fraction });
  }

  receive(message: Answer): void {
    switch (message.type) {
      case "events":
        for (const { id, event } of message.events) this.#deliver(id, event);
        break;
      case "stats":
        this.#stats.get(message.id)?.(message.stats);
        this.#stats.delete(message.id);
        break;
      case "embedded":
        this.#take(message.id)?.resolve({
          vectors: split(message.values, message.dimensions),
          promptTokens: message.promptTokens,
        });
        break;
      case "embed_failed":
        this.#take(message.id)?.reject(PorchlightError.fromWire(message.error));
        break;
    }
  }

  /** Ends all of them. */
  fail(error: WireError): void {
    for (const id of this.#generations.keys()) this.#deliver(id, { type: "error", error });
    for (const id of this.#embeddings.keys()) this.#take(id)?.reject(PorchlightError.fromWire(error));
    this.withoutStats();
  }

  /** Whoever asked for counters hears that there are none. */
  withoutStats(): void {
    for (const resolve of this.#stats.values()) resolve(null);
    this.#stats.clear();
  }

  /** An embedding that is over. */
  #take(id: number): PromiseWithResolvers<EmbedResult> | undefined {
    const pending = this.#embeddings.get(id);
    this.#embeddings.delete(id);
    return pending?.result;
  }

  #deliver(id: number, event: GenerateEvent): void {
    const pending = this.#generations.get(id);
    if (event.type === "finish" || event.type === "error") this.#generations.delete(id);
    pending?.queue.push(event);
  }
}

/** Views of each vector. */
function split(values: Float32Array, dimensions: number): Float32Array[] {
  return Array.from({ length: values.length / dimensions }, (_, i) =>
    values.subarray(i * dimensions, (i + 1) * dimensions),
  );
}
