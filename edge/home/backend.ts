import { unknownModel } from "../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AnswerHandle, InferenceBackend, ListedModel } from "../../shared/inference/backend.ts";
import type { EmbedRequest, EmbedResult } from "../../shared/inference/embed.ts";
import { collectEmbedLines } from "../../shared/inference/embed-lines.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { GenerateRequest, Priority } from "../../shared/inference/request.ts";
import { allowsModel, type Caller } from "../credentials/key-grant.ts";
import type { EdgeBindings } from "../env.ts";
import { readEmbedLines, readEvents } from "./event-lines.ts";
import { decodeAnswer, encodeJob } from "./generate-job.ts";
import { resumable } from "./runs/resumable.ts";
import { decodeNote, encodeResume } from "./runs/resume-call.ts";
import type { AgentStatus } from "./dispatch/machines.ts";
import type { Home } from "./home.ts";

/** The Home object of an account. */
export function homeOf(env: EdgeBindings, accountId: string): DurableObjectStub<Home> {
  return env.HOME.getByName(accountId);
}

/** Between the tries to reach an object that starts anew. */
const AGAIN_MS = [20, 50, 100, 200, 400, 800, 1_600, 3_200];

/** For whom a backend works, and how it tells of what concerns the whole answer. */
export interface JobSource {
  /** Names what is started. */
  requestId: string;
  caller: Caller;
  priority: Priority;
  /** Whether another machine may go on with an answer that has begun; absent: as the household decided. */
  replay?: "on" | "off" | undefined;
  /** The person whose plugins may be called; absent: none are. */
  pluginsOf?: string | undefined;
  /** Models that may be used; null: all. */
  models: readonly string[] | null;
  /** Hears the headers that tell a client how it stands with its limits. */
  onHeaders(headers: Headers): void;
  /** Another stub of the object: one that failed stays broken. */
  renew?(): DurableObjectStub<Home>;
}

/** The machines of one account as a backend. Who asks is said here, never by the client. */
export function homeBackend(home: DurableObjectStub<Home>, from: JobSource): InferenceBackend {
  const named = (request: GenerateRequest): GenerateRequest => ({
    ...resumable(request),
    caller: from.caller.id,
    ...(from.priority === "normal" ? {} : { priority: from.priority }),
  });
  return {
    listModels: async () => listModels(await home.agents()).filter(({ name }) => allowsModel(from.models, name)),
    callsPlugins: true,
    generate: (request, signal, handle) => new HomeRun(home, from, handle).start(named(request), signal),
    answers: {
      resume: async (id, signal) => {
        const run = new HomeRun(home, from, { id, note: "", kept: false });
        const events = run.goOn(signal);
        return { note: await run.note, events };
      },
      cancel: async (id) => {
        if (!(await home.cancelRun(id, from.caller.id))) throw noSuchAnswer();
      },
    },
    embed: (request, signal) => embed(home, from, request, signal),
  };
}

/** One generation, as the Worker reads it: an object that is lost under it is asked again for what is missing. */
class HomeRun {
  readonly #from: JobSource;
  readonly #handle: AnswerHandle | undefined;
  readonly #id: string;
  readonly #note = Promise.withResolvers<string>();
  #home: DurableObjectStub<Home>;
  /** Lines that have come. */
  #next = 0;

  constructor(home: DurableObjectStub<Home>, from: JobSource, handle: AnswerHandle | undefined) {
    this.#home = home;
    this.#from = from;
    this.#handle = handle;
    this.#id = handle?.id ?? `run-${crypto.randomUUID()}`;
    this.#note.promise.catch(() => undefined); // Whoever does not wait for it meets the error in the events.
  }

  /** What was noted at its start, once the object has answered. */
  get note(): Promise<string> {
    return this.#note.promise;
  }

  async *start(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const from = this.#from;
    const { note, kept } = this.#handle ?? {};
    const job = {
      ...from,
      requestId: this.#id,
      ...(note === undefined ? {} : { note }),
      ...(kept === undefined ? {} : { kept }),
    };
    yield* this.#events(signal, () => {
      if (!allowsModel(from.models, request.model)) throw unknownModel(request.model);
      if (request.plugins !== undefined && from.pluginsOf === undefined) throw noPlugins();
      return encodeJob("generate", job, request, signal);
    });
  }

  /** The answer that was started by this id, from its start. The first request leaves at once. */
  goOn(signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const events = this.#events(signal, () => this.#resume(signal));
    const first = events.next();
    return (async function* all() {
      const result = await first;
      if (!result.done) yield result.value;
      yield* events;
    })();
  }

  #resume(signal: AbortSignal): Request {
    return encodeResume({ id: this.#id, callerId: this.#from.caller.id, from: this.#next }, signal);
  }

  /** @param begin asks for it; may be called again, until lines have come */
  async *#events(signal: AbortSignal, begin: () => Request): AsyncGenerator<GenerateEvent> {
    for (let failures = 0; ; ) {
      try {
        const before = this.#next;
        const bytes = await this.#ask(this.#next === 0 ? begin() : this.#resume(signal));
        for await (const event of readEvents(bytes, signal)) {
          if (event.type !== "progress") this.#next += 1;
          if (this.#next > before) failures = 0;
          yield event;
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        const waitMs = error instanceof LostObject || isCutOff(error) ? AGAIN_MS[failures++] : undefined;
        if (waitMs === undefined) {
          const failure = error instanceof LostObject ? new PorchlightError("edge_restarting") : error;
          if (!(failure instanceof PorchlightError)) console.error(`run ${this.#id}: its events failed:`, failure);
          this.#note.reject(failure);
          yield { type: "error", error: PorchlightError.from(failure).toWire() };
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        if (signal.aborted) return;
        this.#home = this.#from.renew?.() ?? this.#home;
      }
    }
  }

  /** Throws LostObject, or the PorchlightError of a refusal. */
  async #ask(request: Request): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#home.fetch(request).catch((cause: unknown) => {
      throw new LostObject("The Home object did not answer.", { cause });
    });
    this.#from.onHeaders(response.headers);
    const bytes = await decodeAnswer(response);
    this.#note.resolve(decodeNote(response.headers));
    return bytes;
  }
}

/** The object went away before it had answered. */
class LostObject extends Error {
  override readonly name = "LostObject";
}

/** Whether an answer's bytes ended without its end: the object went away under it. */
function isCutOff(error: unknown): boolean {
  return error instanceof PorchlightError && error.code === "agent_disconnected";
}

function noPlugins(): PorchlightError {
  return new PorchlightError("forbidden", "This key may call no plugins: use one with the scope 'plugins' too.");
}

function noSuchAnswer(): PorchlightError {
  return new PorchlightError("not_found", "There is no such answer, or it is no longer kept.");
}

async function embed(
  home: DurableObjectStub<Home>,
  from: JobSource,
  request: EmbedRequest,
  signal: AbortSignal,
): Promise<EmbedResult> {
  try {
    const lines = readEmbedLines(await startEmbed(home, from, request, signal), signal);
    return await collectEmbedLines(lines, request.inputs.length);
  } catch (error) {
    if (signal.aborted) throw new PorchlightError("cancelled");
    throw error;
  }
}

/** Throws the PorchlightError of a refusal. A model that is not allowed is refused like one that nobody has. */
async function startEmbed(
  home: DurableObjectStub<Home>,
  from: JobSource,
  request: EmbedRequest,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  if (!allowsModel(from.models, request.model)) throw unknownModel(request.model);
  const job = encodeJob("embed", from, request, signal);
  const response = await home.fetch(job).catch((cause: unknown) => {
    throw new PorchlightError("edge_restarting", undefined, { cause });
  });
  from.onHeaders(response.headers);
  return await decodeAnswer(response);
}

/** Models by name; one that several machines have is online or loaded if it is so on any of them. */
function listModels(agents: AgentStatus[]): ListedModel[] {
  const models = new Map<string, ListedModel>();
  for (const { online, models: its } of agents) {
    for (const model of its) {
      const known = models.get(model.name);
      const best = known && (known.online || !online) ? known : { ...model, online };
      models.set(model.name, { ...best, loaded: (online && model.loaded) || known?.loaded === true });
    }
  }
  return [...models.values()];
}
