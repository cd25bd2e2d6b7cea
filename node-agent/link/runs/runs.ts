import { PorchlightError } from "../../../shared/errors.ts";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import { generateRequestSchema } from "../../../shared/inference/request.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import { type ControlMessage, MAX_KEPT_RUNS } from "../../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import { readRequest } from "../read-request.ts";
import { KeptRun } from "./kept-run.ts";

type RunsMessage = Extract<ControlMessage, { type: "runs" }>;

/** The generations of one agent, which outlive their tunnels. */
export class Runs {
  readonly #backend: InferenceBackend;
  readonly #keptMs: number;
  readonly #runs = new Map<string, KeptRun>();
  readonly #timers = new Map<KeptRun, ReturnType<typeof setTimeout>>();

  /** @param keptMs how long a run is kept after its end or the loss of its tunnel */
  constructor(backend: InferenceBackend, keptMs: number = PROTOCOL_LIMITS.keptMs) {
    this.#backend = backend;
    this.#keptMs = keptMs;
  }

  /** Runs that go on, or that the edge does not have for certain. */
  get size(): number {
    return this.#runs.size;
  }

  /**
   * Answers a `generate` stream: reads the request, runs it, writes its lines. Whatever is wrong becomes an `error` line. Resolves when
   * the generation is over; never rejects.
   * @param keeps whether the edge takes lost runs up again
   */
  async start(stream: ProtocolStream, keeps: boolean): Promise<void> {
    const { header } = stream;
    const first = header.kind === "generate" ? (header.first ?? 0) : 0;
    const backend = this.#backend;
    // Read first: a run whose request never came whole is none.
    const read = await readRequest(stream, generateRequestSchema).then(
      (request) => ({ request }),
      (error: unknown) => ({ error }),
    );
    if (stream.signal.aborted) return;
    const run = new KeptRun(
      stream,
      (signal) => {
        if ("error" in read) throw read.error;
        return backend.generate(read.request, signal);
      },
      { id: header.requestId, first, keeps, events: { onChange: (one) => this.#changed(one) } },
    );
    if (keeps) {
      // The edge gave up on an earlier attempt, or it would not start another.
      this.#runs.get(run.id)?.stop();
      this.#runs.set(run.id, run);
      this.#changed(run);
    }
    await run.done;
  }

  /** Answers a `resume` stream with the lines of a run that is kept; RESETs it with `not_found` where there are none. */
  resume(stream: ProtocolStream): void {
    const { header } = stream;
    const run = this.#runs.get(header.requestId);
    try {
      if (run === undefined || header.kind !== "resume") throw new PorchlightError("not_found", "No such run is kept.");
      run.attach(stream, header.from);
    } catch (error) {
      stream.reset(PorchlightError.from(error).toWire());
    }
  }

  /** What to announce on a new tunnel: the latest where there are too many. */
  announcement(): RunsMessage {
    const runs = [...this.#runs.values()].map((run) => run.describe());
    return { type: "runs", runs: runs.slice(-MAX_KEPT_RUNS) };
  }

  /** Takes what the edge says of runs. Returns whether the message was for here. */
  control(message: ControlMessage): boolean {
    if (message.type !== "ack" && message.type !== "cancel") return false;
    const run = this.#runs.get(message.run);
    if (message.type === "cancel") run?.stop();
    else run?.acknowledge(message.next);
    if (run !== undefined) this.#changed(run);
    return true;
  }

  /** The agent stops, or may not come back to this edge: nothing goes on. */
  stop(): void {
    for (const run of this.#runs.values()) {
      run.stop();
      this.#changed(run);
    }
  }

  #changed(run: KeptRun): void {
    if (this.#runs.get(run.id) !== run) return this.#forget(run);
    const { first, next, ended } = run.describe();
    // Ended with nothing kept: the edge has it all.
    if (run.stopped || (ended && first === next)) {
      this.#runs.delete(run.id);
      return this.#forget(run);
    }
    clearTimeout(this.#timers.get(run));
    this.#timers.delete(run);
    if (!ended && !run.isAlone) return;
    const expire = (): void => {
      run.stop();
      this.#changed(run);
    };
    this.#timers.set(run, setTimeout(expire, this.#keptMs).unref());
    if (ended) this.#makeRoom();
  }

  #makeRoom(): void {
    const ended = [...this.#runs.values()].filter((run) => run.ended);
    let bytes = ended.reduce((total, run) => total + run.bytes, 0);
    let count = this.#runs.size;
    for (const run of ended) {
      if (bytes <= PROTOCOL_LIMITS.keptEndedBytes && count <= MAX_KEPT_RUNS) return;
      bytes -= run.bytes;
      count -= 1;
      this.#runs.delete(run.id);
      this.#forget(run);
    }
  }

  #forget(run: KeptRun): void {
    clearTimeout(this.#timers.get(run));
    this.#timers.delete(run);
  }
}
