import type { Kernel, Process } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import type { NetworkFaults } from "../net/faults.ts";
import type { HostedObject } from "./object-host.ts";

/** What a hop needs of the object's host. */
export interface HopHost {
  kernel: Kernel;
  random: Random;
  platform: Process;
  faults: () => NetworkFaults;
  /** Wakes the object and lets it act; the hop counts as under way from then on. */
  begin(hop: Hop, act: (object: HostedObject) => void): void;
  end(hop: Hop): void;
  onAnswer(request: Request, bodyBytes: number, response: Response): void;
  /** What follows in this event is the object's. */
  enter(): void;
}

/** Bytes of an answer that may be on their way before its reader takes any. */
const AHEAD_BYTES = 16 * 1024;

const LOST = "Network connection lost.";

/**
 * One request from another process to the object: both sides see only messages that take their time, in order. The asker may leave at
 * any time; the object may be lost at any time.
 */
export class Hop {
  readonly #host: HopHost;
  readonly #asker: Process;
  readonly #leave = new AbortController();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #reading = false;
  /** Sent and not taken yet. */
  #aheadBytes = 0;
  #over = false;
  #arrives = { asker: 0, object: 0 };
  #onChunk: (chunk: Uint8Array | undefined) => void = () => undefined;
  #onLost: (error: Error) => void = () => undefined;

  private constructor(host: HopHost) {
    this.#host = host;
    this.#asker = host.kernel.current;
  }

  static call<T>(host: HopHost, act: () => T | Promise<T>): Promise<T> {
    const hop = new Hop(host);
    return new Promise((resolve, reject) => {
      hop.#onLost = reject;
      hop.#toObject(() => {
        host.begin(hop, () => {
          const answer = (async () => structuredClone(await act()))();
          answer.then(
            (value) => hop.#answer(() => resolve(value)),
            (error: Error) => hop.#answer(() => reject(error)),
          );
        });
      });
    });
  }

  static async fetch(host: HopHost, request: Request): Promise<Response> {
    const hop = new Hop(host);
    const { url, method, signal } = request;
    const headers = [...request.headers];
    const body = method === "GET" || method === "HEAD" ? null : await request.bytes();
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        const reason = signal.reason instanceof Error ? signal.reason : new DOMException("aborted", "AbortError");
        hop.#onLost(reason);
        hop.#leaveNow();
      };
      hop.#onLost = reject;
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      hop.#toObject(() => {
        host.begin(hop, (object) => {
          const own = new Request(url, { method, headers, body, signal: hop.#leave.signal });
          const start = async (): Promise<void> => {
            try {
              const response = await object.fetch(own);
              host.onAnswer(own, body?.length ?? 0, response);
              hop.#begin(response, resolve);
            } catch (error) {
              hop.#answer(() => reject(error));
            }
          };
          void start();
        });
      });
    });
  }

  /** The object is gone. */
  lose(): void {
    if (this.#over) return;
    this.#over = true;
    const delayMs = this.#host.random.fraction() * 50;
    this.#host.kernel.plan(this.#asker, delayMs, () => this.#onLost(new TypeError(LOST)));
  }

  /** In the object's process: its answer has begun. */
  #begin(response: Response, resolve: (response: Response) => void): void {
    const { status, body } = response;
    const headers = [...response.headers];
    this.#reader = body?.getReader();
    this.#toAsker(() => resolve(new Response(this.#incoming(), { status, headers })));
    void this.#pump();
  }

  /** In the asker's process: the answer's body. */
  #incoming(): ReadableStream<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let ended = false;
    let wanted: ReadableStreamDefaultController<Uint8Array> | undefined;
    const give = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      const chunk = chunks.shift();
      if (chunk) {
        controller.enqueue(chunk);
        this.#toObject(() => this.#taken(chunk.length));
      } else if (ended) controller.close();
      else wanted = controller;
    };
    let failed: ((error: Error) => void) | undefined;
    this.#onLost = (error) => failed?.(error);
    let left = false;
    this.#onChunk = (chunk) => {
      if (left) return;
      if (chunk) chunks.push(chunk);
      else ended = true;
      const controller = wanted;
      wanted = undefined;
      if (controller) give(controller);
    };
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          failed = (error) => {
            left = true;
            controller.error(error);
          };
        },
        pull: give,
        cancel: () => {
          left = true;
          this.#leaveNow();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** In the object's process: reads on while the asker takes. */
  async #pump(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (!this.#over && this.#aheadBytes <= AHEAD_BYTES) {
        const chunk = (await this.#reader?.read())?.value?.slice();
        if (chunk === undefined) return this.#answer(() => this.#onChunk(undefined));
        this.#aheadBytes += chunk.length;
        this.#toAsker(() => this.#onChunk(chunk));
      }
    } catch (error) {
      this.#answer(() => this.#onLost(error as Error)); // As above.
    } finally {
      this.#reading = false;
    }
  }

  #taken(bytes: number): void {
    this.#aheadBytes -= bytes;
    void this.#pump();
  }

  /** The last message to the asker. */
  #answer(deliver: () => void): void {
    if (this.#over) return;
    this.#toAsker(deliver);
    this.#over = true;
    this.#host.end(this);
  }

  /** In the asker's process: it wants no more. */
  #leaveNow(): void {
    this.#toObject(() => {
      if (this.#over) return;
      this.#over = true;
      this.#leave.abort(new DOMException("The client has left.", "AbortError"));
      this.#reader?.cancel().catch(() => undefined);
      this.#host.end(this);
    });
  }

  #toObject(act: () => void): void {
    this.#send("object", this.#host.platform, () => {
      if (this.#over) return;
      this.#host.enter();
      act();
    });
  }

  #toAsker(act: () => void): void {
    if (!this.#over) this.#send("asker", this.#asker, act);
  }

  #send(to: "asker" | "object", process: Process, act: () => void): void {
    const { kernel, random, faults } = this.#host;
    const { min, max } = faults().latencyMs;
    this.#arrives[to] = Math.max(this.#arrives[to], kernel.nowMs + random.spread(min, max));
    kernel.plan(process, this.#arrives[to] - kernel.nowMs, act);
  }
}
