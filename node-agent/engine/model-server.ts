import { basename } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import type { EmbedRunner } from "./embed-runner.ts";
import type { LoadOptions } from "./load-runner.ts";
import { type FromModel, type ToModel, toModelSchema } from "./process-messages.ts";
import type { Execution, ProviderName } from "../runtime/providers.ts";
import type { Runner } from "./runner.ts";

type Load<T> = (
  options: LoadOptions,
  onProgress: (fraction: number) => void,
  onFallback: (wanted: ProviderName, reason: string) => void,
) => Promise<T>;

/** What is told of the reason for a fallback, in characters: a runtime's message may quote a whole graph. */
const REASON_CHARACTERS = 2_048;

export interface ModelServerOptions {
  load: Load<Runner>;
  /** What loads a model whose task is embeddings. */
  loadEmbedder: Load<EmbedRunner>;
  send: (message: FromModel) => void;
  /** Ends the process. */
  exit: () => void;
}

/**
 * The inside of a model's process: takes the parent's messages and answers through `send`. Events of one turn of the event
 * loop travel together. Returns the receiver of messages; it throws on one that is not in the schema.
 */
export function createModelServer({ load, loadEmbedder, send, exit }: ModelServerOptions): (message: unknown) => void {
  let runner: Runner | null = null;
  let embedder: EmbedRunner | null = null;
  const running = new Map<number, { cancel: () => void }>();
  let outbox: Extract<FromModel, { type: "events" }>["events"] = [];

  function flush(): void {
    const events = outbox;
    outbox = [];
    send({ type: "events", events });
  }

  function emit(item: (typeof outbox)[number]): void {
    if (item.event.type === "finish" || item.event.type === "error") running.delete(item.id);
    if (outbox.push(item) === 1) setImmediate(flush);
  }

  async function loadModel(options: LoadOptions): Promise<void> {
    try {
      const onProgress = (fraction: number): void => send({ type: "loading", fraction });
      let execution: Execution = { provider: options.provider ?? "cpu" };
      const onFallback = (wanted: ProviderName, reason: string): void => {
        execution = { provider: "cpu", fallback: { wanted, reason: reason.slice(0, REASON_CHARACTERS) } };
      };
      if (options.task === "embed") embedder = await loadEmbedder(options, onProgress, onFallback);
      else runner = await load(options, onProgress, onFallback);
      send({ type: "ready", execution });
    } catch (cause) {
      send({ type: "failed", error: toLoadError(cause, options).toWire() });
    }
  }

  function generate({ id, request }: Extract<ToModel, { type: "generate" }>): void {
    if (runner === null) {
      emit({ id, event: { type: "error", error: new PorchlightError("internal").toWire() } });
      return;
    }
    running.set(
      id,
      runner.start(request, (event) => emit({ id, event })),
    );
  }

  async function embed({ id, request }: Extract<ToModel, { type: "embed" }>): Promise<void> {
    const left = new AbortController();
    running.set(id, { cancel: () => left.abort() });
    try {
      if (embedder === null) throw new PorchlightError("internal");
      const { vectors, promptTokens } = await embedder.embed(request, left.signal);
      const dimensions = vectors[0]?.length ?? 0;
      const values = new Float32Array(vectors.length * dimensions);
      for (const [i, vector] of vectors.entries()) values.set(vector, i * dimensions);
      send({ type: "embedded", id, values, dimensions, promptTokens });
    } catch (error) {
      if (!left.signal.aborted) send({ type: "embed_failed", id, error: PorchlightError.from(error).toWire() });
    } finally {
      running.delete(id);
    }
  }

  async function unload(): Promise<void> {
    await runner?.stop().catch(() => {}); // what cannot be written down is computed again
    exit();
  }

  return (raw) => {
    const message = toModelSchema.parse(raw);
    switch (message.type) {
      case "load":
        void loadModel(message.options);
        break;
      case "generate":
        generate(message);
        break;
      case "embed":
        void embed(message);
        break;
      case "cancel":
        running.get(message.id)?.cancel();
        running.delete(message.id);
        break;
      case "stats":
        if (runner !== null) send({ type: "stats", id: message.id, stats: runner.stats() });
        break;
      case "reclaim":
        runner?.reclaim();
        break;
      case "unload":
        void unload();
        break;
    }
  };
}

/**
 * Loading reads files of all kinds: whatever is wrong with them, the owner learns what it was. Clients of the API read it too, so
 * it names files from the model's folder on, and not where on this machine that is.
 */
function toLoadError(cause: unknown, { folder, cacheDir }: LoadOptions): PorchlightError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const isOurs = cause instanceof PorchlightError && cause.code === "model_load_failed";
  const sentence = (isOurs ? said : `The model could not be loaded: ${said}`)
    .replaceAll(folder, basename(folder))
    .replaceAll(cacheDir, basename(cacheDir));
  // A runtime's message may quote a whole graph; the wire takes 4096 characters.
  return new PorchlightError("model_load_failed", sentence.slice(0, 4096), { cause });
}
