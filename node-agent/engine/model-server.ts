import { basename } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import type { LoadOptions } from "./load-runner.ts";
import { type FromModel, type ToModel, toModelSchema } from "./process-messages.ts";
import type { Runner } from "./runner.ts";

export interface ModelServerOptions {
  load: (options: LoadOptions, onProgress: (fraction: number) => void) => Promise<Runner>;
  send: (message: FromModel) => void;
}

/**
 * The inside of a model's process: takes the parent's messages and answers through `send`. Events of one turn of the event
 * loop travel together. Returns the receiver of messages; it throws on one that is not in the schema.
 */
export function createModelServer({ load, send }: ModelServerOptions): (message: unknown) => void {
  let runner: Runner | null = null;
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
      runner = await load(options, (fraction) => send({ type: "loading", fraction }));
      send({ type: "ready" });
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

  return (raw) => {
    const message = toModelSchema.parse(raw);
    switch (message.type) {
      case "load":
        void loadModel(message.options);
        break;
      case "generate":
        generate(message);
        break;
      case "cancel":
        running.get(message.id)?.cancel();
        running.delete(message.id);
        break;
      case "stats":
        if (runner !== null) send({ type: "stats", id: message.id, stats: runner.stats() });
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
