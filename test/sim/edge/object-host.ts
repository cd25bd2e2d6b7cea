import type { Handle, Kernel, Process } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import type { NetworkFaults } from "../net/faults.ts";
import { type Message, Wire, type WireEnd } from "../net/wire.ts";
import { Hop } from "./hop.ts";
import { objectState } from "./object-state.ts";
import { acceptedHalf, ServerSocket, STATES, VirtualWebSocket } from "./server-socket.ts";
import { VirtualSql } from "./sql.ts";

/** The object as the runtime calls it. */
export interface HostedObject {
  fetch(request: Request): Promise<Response>;
  webSocketMessage(socket: VirtualWebSocket, message: ArrayBuffer | string): Promise<void> | void;
  webSocketClose(socket: VirtualWebSocket, code: number, reason: string, wasClean: boolean): Promise<void> | void;
  webSocketError(socket: VirtualWebSocket, error: unknown): Promise<void> | void;
  alarm?(): Promise<void>;
}

interface Life<Hosted> {
  object: Hosted;
  process: Process;
  views: Map<ServerSocket, VirtualWebSocket>;
  /** Undefined once nothing holds events back. */
  blocked: Promise<unknown> | undefined;
  hops: Set<Hop>;
}

export interface HostOptions<Hosted> {
  kernel: Kernel;
  random: Random;
  /** Between the object and those who ask it. */
  faults: () => NetworkFaults;
  /** Between the object and machines. */
  tunnelFaults: () => NetworkFaults;
  /** Wall clock of the machine that the object runs on. */
  skewMs: number;
  create(ctx: unknown): Hosted;
  /** The object has begun an answer. */
  onAnswer(request: Request, bodyBytes: number, response: Response): void;
}

/**
 * The runtime around one Durable Object: events one by one, hibernation, alarms, and restarts that break every connection. What it
 * writes is durable at once, and what it sends leaves at once: the real runtime holds back what was sent until writes are durable, so
 * to everyone outside a crash with lost writes is one that came a little earlier.
 */
export class ObjectHost<Hosted extends HostedObject> {
  readonly #options: HostOptions<Hosted>;
  readonly #kernel: Kernel;
  readonly #random: Random;
  /** Outlives the object: the network and the clock that wakes it. */
  readonly platform: Process;
  readonly #sql = new VirtualSql();
  #sockets: ServerSocket[] = [];
  #life: Life<Hosted> | undefined;
  /** How often the object was lost with all that it did. */
  restarts = 0;
  #lives = 0;
  #alarm: { atMs: number; handle: Handle } | undefined;

  constructor(options: HostOptions<Hosted>) {
    this.#options = options;
    this.#kernel = options.kernel;
    this.#random = options.random;
    this.platform = this.#kernel.spawn("platform", options.skewMs);
  }

  get sql(): VirtualSql {
    return this.#sql;
  }

  get sockets(): readonly ServerSocket[] {
    return this.#sockets;
  }

  get isAwake(): boolean {
    return this.#life !== undefined;
  }

  /** Requests under way. */
  get hops(): number {
    return this.#life?.hops.size ?? 0;
  }

  close(): void {
    this.#sql.close();
  }

  /** Asks the object from another process; the answer's body comes as it is read. Rejects when the object is lost meanwhile. */
  fetch(request: Request): Promise<Response> {
    return Hop.fetch(this.#hopHost(), request);
  }

  /** Calls a method of the object from another process. */
  call<T>(act: (object: Hosted) => T | Promise<T>): Promise<T> {
    return Hop.call(this.#hopHost(), () => act(this.#wake().object));
  }

  /** Opens a tunnel: must run on the platform. `accepted` is told in the object's own process. */
  dial(request: Request, end: WireEnd, accepted: (wire: Wire | undefined) => void): void {
    this.#deliver(async ({ object }) => {
      const response = (await object.fetch(request)) as Response & { webSocket?: VirtualWebSocket };
      if (response.status !== 101 || !response.webSocket) return accepted(undefined);
      accepted(this.#connect(acceptedHalf(response.webSocket), end));
    });
  }

  /** Forgets the object while nothing is under way; its sockets stay. Returns whether it was forgotten. */
  evict(): boolean {
    const life = this.#life;
    if (life === undefined || life.hops.size > 0 || life.process.timers > 0 || life.blocked) return false;
    this.#kernel.trace("evicts the object");
    this.#end(life);
    return true;
  }

  /** A deploy or a crash: the object is gone with every connection. */
  restart(): void {
    this.#kernel.trace("restarts");
    this.restarts += 1;
    const life = this.#life;
    if (life) {
      this.#end(life);
      for (const hop of life.hops) hop.lose();
    }
    for (const socket of this.#sockets.splice(0)) {
      socket.state = STATES.closed;
      socket.wire?.drop(1);
    }
  }

  #end(life: Life<Hosted>): void {
    this.#kernel.kill(life.process);
    this.#life = undefined;
  }

  #hopHost() {
    return {
      kernel: this.#kernel,
      random: this.#random,
      platform: this.platform,
      faults: this.#options.faults,
      onAnswer: (request: Request, bodyBytes: number, response: Response) =>
        this.#options.onAnswer(request, bodyBytes, response),
      begin: (hop: Hop, act: (object: HostedObject) => void) => {
        this.#deliver((life) => {
          life.hops.add(hop);
          act(life.object);
        });
      },
      end: (hop: Hop) => this.#life?.hops.delete(hop),
      enter: () => {
        if (this.#life) this.#kernel.become(this.#life.process);
      },
    };
  }

  /** The object's life, begun if need be; what follows in this event is its. */
  #wake(): Life<Hosted> {
    this.#life ??= this.#begin();
    this.#kernel.become(this.#life.process);
    return this.#life;
  }

  #begin(): Life<Hosted> {
    const process = this.#kernel.spawn(`home ${++this.#lives}`, this.#options.skewMs);
    this.#kernel.become(process);
    const views = new Map<ServerSocket, VirtualWebSocket>();
    let blocked: Promise<unknown> | undefined;
    const view = (socket: ServerSocket): VirtualWebSocket => {
      const known = views.get(socket) ?? new VirtualWebSocket(socket);
      views.set(socket, known);
      return known;
    };
    const ctx = objectState({
      sql: this.#sql,
      alarmAtMs: () => this.#alarm?.atMs ?? null,
      setAlarm: (atMs) => this.#setAlarm(atMs),
      accept: (socket, tags) => {
        const accepted = new ServerSocket(tags);
        socket.bind(accepted);
        views.set(accepted, socket);
        this.#sockets.push(accepted);
      },
      views: (tag) => this.#sockets.filter(({ tags }) => tag === undefined || tags.includes(tag)).map(view),
      tagsOf: (socket) => socket.tags,
      block: (work) => {
        blocked = work;
        const unblock = (): void => {
          blocked = undefined;
          if (this.#life?.process === process) this.#life.blocked = undefined;
        };
        work.catch(() => undefined).finally(unblock);
      },
    });
    const object = this.#options.create(ctx);
    return { object, process, views, blocked, hops: new Set() };
  }

  /** One event of the object. What it throws is a crash. */
  #deliver(act: (life: Life<Hosted>) => Promise<void> | void): void {
    const life = this.#wake();
    const run = async (): Promise<void> => {
      try {
        await act(life);
      } catch (error) {
        this.#kernel.fail(error);
      }
    };
    if (life.blocked) void life.blocked.catch(() => undefined).then(run);
    else void run();
  }

  #connect(socket: ServerSocket, end: WireEnd): Wire {
    const wire: Wire = new Wire(this.#kernel, this.#random, this.#options.tunnelFaults, [
      end,
      {
        process: this.platform,
        onMessage: (message) => this.#onMessage(socket, wire, message),
        onClose: (code, reason) => this.#onClose(socket, code, reason),
        onBroken: () => this.#onBroken(socket),
      },
    ]);
    socket.connect(wire);
    return wire;
  }

  #onMessage(socket: ServerSocket, wire: Wire, message: Message): void {
    if (socket.state === STATES.closed) return;
    if (message === "ping") {
      socket.pongedAtMs = Date.now();
      return wire.send(1, "pong"); // Without waking the object.
    }
    this.#deliver(async ({ object, views }) => {
      const data = typeof message === "string" ? message : new Uint8Array(message).buffer;
      await object.webSocketMessage(this.#viewOf(views, socket), data);
    });
  }

  #onClose(socket: ServerSocket, code: number, reason: string): void {
    if (socket.state === STATES.closed) return;
    const answered = socket.state === STATES.closing;
    this.#deliver(async ({ object, views }) => {
      const view = this.#viewOf(views, socket);
      await object.webSocketClose(view, code, reason, true);
      if (!answered && socket.state === STATES.open) throw new Error("The object left a close unanswered.");
      this.#forget(socket);
    });
  }

  #onBroken(socket: ServerSocket): void {
    if (socket.state === STATES.closed) return;
    this.#deliver(async ({ object, views }) => {
      const view = this.#viewOf(views, socket);
      this.#forget(socket);
      if (this.#random.chance(0.5)) await object.webSocketError(view, new Error("Network connection lost."));
      else await object.webSocketClose(view, 1006, "", false);
    });
  }

  #forget(socket: ServerSocket): void {
    socket.state = STATES.closed;
    this.#sockets = this.#sockets.filter((one) => one !== socket);
  }

  #viewOf(views: Map<ServerSocket, VirtualWebSocket>, socket: ServerSocket): VirtualWebSocket {
    const view = views.get(socket) ?? new VirtualWebSocket(socket);
    views.set(socket, view);
    return view;
  }

  #setAlarm(atMs: number | null): void {
    this.#alarm?.handle.cancel();
    this.#alarm = undefined;
    if (atMs === null) return;
    const { epochMs, nowMs } = this.#kernel;
    const lateMs = this.#random.fraction() * 50;
    const delayMs = Math.max(0, atMs - (epochMs + nowMs + this.#options.skewMs)) + lateMs;
    const handle = this.#kernel.plan(this.platform, delayMs, () => {
      this.#alarm = undefined;
      this.#deliver(async ({ object }) => await object.alarm?.());
    });
    this.#alarm = { atMs, handle };
  }
}
