import { PorchlightError } from "../../../shared/errors.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import type { KeptRun as KeptRunMessage } from "../../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import { EventWriter } from "../event-writer.ts";

/** A stream that a run's lines go to. */
interface Sink {
  stream: ProtocolStream;
  writer: EventWriter;
}

/** Something of a run that its owner acts on. Must not throw. */
export interface KeptRunEvents {
  /** No stream takes its lines any more, or again, or it ended: how long it is kept counts from here. */
  onChange(run: KeptRun): void;
}

/**
 * One generation and its lines. It goes on when its stream is lost, and keeps its lines until the edge says that it has them for
 * certain; beyond a few MiB of them it waits. A stream that the edge resets stops it at once.
 */
export class KeptRun {
  readonly id: string;
  /** Resolves when the generation is over and its end is on its way, or lost. */
  readonly done: Promise<void>;
  readonly #events: KeptRunEvents;
  readonly #keeps: boolean;
  readonly #stop = new AbortController();
  #lines: string[] = [];
  #bytes = 0;
  #first: number;
  #ended = false;
  #sink: Sink | undefined;
  #wake: () => void = () => undefined;

  /**
   * Starts at once.
   * @param options.first number of the first line
   * @param options.keeps whether the edge takes lost runs up again; otherwise the run ends with its stream
   */
  constructor(
    stream: ProtocolStream,
    generate: (signal: AbortSignal) => AsyncIterable<GenerateEvent>,
    options: { id: string; first: number; keeps: boolean; events: KeptRunEvents },
  ) {
    this.id = options.id;
    this.#first = options.first;
    this.#keeps = options.keeps;
    this.#events = options.events;
    this.attach(stream, options.first);
    this.done = this.#run(generate);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether nobody takes its lines now. */
  get isAlone(): boolean {
    return this.#sink === undefined;
  }

  /** Bytes of the lines that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  describe(): KeptRunMessage {
    return { id: this.id, first: this.#first, next: this.#next, ended: this.#ended };
  }

  /** Sends the lines from number `from` on to this stream, and to no other. Throws `not_found` for lines that are no longer kept. */
  attach(stream: ProtocolStream, from: number): void {
    if (from < this.#first || from > this.#next) throw new PorchlightError("not_found", "These lines are not kept.");
    this.#drop(this.#sink);
    const sink: Sink = { stream, writer: new EventWriter(stream) };
    this.#sink = sink;
    stream.signal.addEventListener("abort", () => this.#onLost(sink), { once: true });
    const missed = this.#lines.slice(from - this.#first).join("");
    if (missed !== "") sink.writer.writeLines(missed);
    if (this.#ended) void this.#end(sink);
    if (stream.signal.aborted) this.#onLost(sink);
    else this.#events.onChange(this);
  }

  /** The edge has everything below `next` for certain. */
  acknowledge(next: number): void {
    const lines = this.#lines.splice(0, Math.max(0, Math.min(next, this.#next) - this.#first));
    this.#first += lines.length;
    for (const line of lines) this.#bytes -= Buffer.byteLength(line);
    this.#wake();
  }

  /** Nobody wants it: the engine stops. */
  stop(): void {
    this.#stop.abort(new PorchlightError("cancelled"));
    this.#wake();
  }

  get #next(): number {
    return this.#first + this.#lines.length;
  }

  async #run(generate: (signal: AbortSignal) => AsyncIterable<GenerateEvent>): Promise<void> {
    try {
      for await (const event of generate(this.#stop.signal)) {
        if (this.stopped) break;
        await this.#take(event);
      }
    } catch (error) {
      if (!this.stopped) await this.#take({ type: "error", error: PorchlightError.from(error).toWire() });
    }
    this.#ended = true;
    const sink = this.#sink;
    if (sink !== undefined) {
      if (this.stopped) this.#drop(sink);
      else await this.#end(sink);
    }
    this.#events.onChange(this);
  }

  async #take(event: GenerateEvent): Promise<void> {
    // Progress is for whoever listens now; it has no number.
    if (event.type !== "progress") {
      const line = `${JSON.stringify(event)}\n`;
      this.#lines.push(line);
      this.#bytes += Buffer.byteLength(line);
    }
    const sink = this.#sink;
    // A stream that fails meanwhile says so by its signal.
    await sink?.writer.write(event).catch(() => undefined);
    while (this.#bytes > PROTOCOL_LIMITS.keptBytes && this.#keeps && !this.stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (!this.#keeps) this.acknowledge(this.#next);
  }

  async #end({ stream, writer }: Sink): Promise<void> {
    // One that was lost is over anyway; one that failed on this side must not stay open on the other.
    await writer.end().catch((error: unknown) => stream.reset(PorchlightError.from(error).toWire()));
  }

  #onLost(sink: Sink): void {
    if (this.#sink !== sink) return;
    sink.writer.drop();
    this.#sink = undefined;
    // A tunnel that is gone, or an edge that forgot the stream, is no word about the run. Everything else is.
    const isLoss = PorchlightError.from(sink.stream.signal.reason).code === "agent_disconnected";
    if (!this.#keeps || !isLoss) this.stop();
    this.#events.onChange(this);
  }

  #drop(sink: Sink | undefined): void {
    if (sink === undefined) return;
    this.#sink = undefined;
    sink.writer.drop();
    sink.stream.reset(new PorchlightError("agent_disconnected").toWire());
  }
}
