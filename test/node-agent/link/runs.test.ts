import { expect, test, vi } from "vitest";
import { Runs } from "../../../node-agent/link/runs/runs.ts";
import { serve } from "../../../node-agent/link/serve.ts";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/protocol/handshake.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import { controlMessageSchema, streamHeaderSchema } from "../../../shared/protocol/messages.ts";
import { createSession } from "../../../shared/protocol/session.ts";
import type { ProtocolStream, Session } from "../../../shared/protocol/types.ts";
import { noEmbeddings } from "../../support/no-embeddings.ts";
import { readEvents } from "../../support/test-edge.ts";

const FINISH: GenerateEvent = { type: "finish", reason: "stop" };
const text = (value: string): GenerateEvent => ({ type: "text", text: value });

/** An agent whose backend says what it is told to, and tunnels to it. */
class Machine {
  readonly runs: Runs;
  /** Generations that run now. */
  running = 0;
  made = 0;
  readonly #said: GenerateEvent[] = [];
  #wake: () => void = () => undefined;

  readonly #backend: InferenceBackend = {
    listModels: async () => [],
    embed: noEmbeddings,
    generate: (_request, signal) => this.#generate(signal),
  };

  constructor(keptMs?: number) {
    this.runs = new Runs(this.#backend, keptMs);
  }

  async *#generate(signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    this.running += 1;
    signal.addEventListener("abort", () => this.#wake());
    try {
      for (let next = 0; !signal.aborted; ) {
        const event = this.#said[next];
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        next += 1;
        this.made = next;
        yield event;
        if (event.type === "finish") return;
      }
    } finally {
      this.running -= 1;
    }
  }

  say(...events: GenerateEvent[]): void {
    this.#said.push(...events);
    this.#wake();
  }

  /** The edge's side of a new tunnel. */
  connect(keeps = true): Session {
    const end = (role: "edge" | "agent", peer: () => Session): Session =>
      createSession({
        role,
        limits: DEFAULT_SESSION_LIMITS,
        transport: { send: (bytes) => queueMicrotask(() => peer().receive(bytes.slice())), close: () => undefined },
        onStream: (stream) => void serve(stream, { backend: this.#backend, runs: this.runs, keeps }),
        onControl: () => undefined,
      });
    const edge: Session = end("edge", () => agent);
    const agent: Session = end("agent", () => edge);
    this.#agentEnds.set(edge, agent);
    return edge;
  }
  readonly #agentEnds = new Map<Session, Session>();

  /** The network takes the tunnel away. */
  drop(edge: Session): void {
    edge.lost();
    this.#agentEnds.get(edge)?.lost();
  }
}

function start(edge: Session, requestId = "run-1", first?: number): ProtocolStream {
  const stream = edge.open({ kind: "generate", requestId, ...(first === undefined ? {} : { first }) });
  const request = { model: "m", messages: [{ role: "user", content: "x" }], sampling: {} };
  void stream.write(new TextEncoder().encode(JSON.stringify(request)));
  stream.end();
  return stream;
}

function resume(edge: Session, from: number, requestId = "run-1"): ProtocolStream {
  const stream = edge.open({ kind: "resume", requestId, from });
  stream.end();
  return stream;
}

async function all(stream: ProtocolStream): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of readEvents(stream)) events.push(event);
  return events;
}

test("a run goes on while its tunnel is down, and gives the lines that are missing", async () => {
  const machine = new Machine();
  const first = machine.connect();
  machine.say({ type: "progress", stage: "prefill" }, text("a"), text("b"));
  const events = readEvents(start(first));
  for (const type of ["progress", "text", "text"]) expect((await events.next()).value?.type).toBe(type);
  machine.drop(first);
  machine.say(text("c"), FINISH);
  await vi.waitFor(() => expect(machine.running).toBe(0));
  expect(machine.runs.announcement().runs).toEqual([{ id: "run-1", first: 0, next: 4, ended: true }]);
  const second = machine.connect();
  expect(await all(resume(second, 2))).toEqual([text("c"), FINISH]);
  expect(await all(resume(second, 0))).toEqual([text("a"), text("b"), text("c"), FINISH]);
  await expect(all(resume(second, 5))).rejects.toMatchObject({ code: "not_found" });
  machine.runs.control({ type: "ack", run: "run-1", next: 3 });
  expect(machine.runs.announcement().runs).toEqual([{ id: "run-1", first: 3, next: 4, ended: true }]);
  await expect(all(resume(second, 2))).rejects.toMatchObject({ code: "not_found" });
  machine.runs.control({ type: "ack", run: "run-1", next: 99 });
  expect(machine.runs.announcement().runs).toEqual([]);
  expect(second.streamCount).toBe(0);
});

test("a later stream takes a run over in the middle", async () => {
  const machine = new Machine();
  const edge = machine.connect();
  machine.say(text("a"));
  const old = start(edge, "run-1", 7);
  await readEvents(old).next();
  const fresh = all(resume(edge, 7));
  await expect(all(old)).rejects.toMatchObject({ code: "agent_disconnected" });
  machine.say(text("b"), FINISH);
  expect(await fresh).toEqual([text("a"), text("b"), FINISH]);
});

test.each([
  ["a reset that is no loss", (stream: ProtocolStream) => stream.reset({ code: "timeout", message: "x" })],
  ["a cancel", (_stream: ProtocolStream, { runs }: Machine) => runs.control({ type: "cancel", run: "run-1" })],
  ["the agent's own stop", (_stream: ProtocolStream, { runs }: Machine) => runs.stop()],
])("%s stops a run at once, and it is dropped", async (_what, stop) => {
  const machine = new Machine();
  const edge = machine.connect();
  machine.say(text("a"));
  const stream = start(edge);
  await readEvents(stream).next();
  stop(stream, machine);
  await vi.waitFor(() => expect([machine.running, machine.runs.announcement().runs]).toEqual([0, []]));
});

test("a new attempt under the same name takes the place of the old one", async () => {
  const machine = new Machine();
  const edge = machine.connect();
  machine.say(text("a"));
  const old = start(edge);
  await readEvents(old).next();
  const fresh = all(start(edge));
  await expect(all(old)).rejects.toThrow();
  machine.say(FINISH);
  expect(await fresh).toEqual([text("a"), FINISH]);
  expect(machine.runs.announcement().runs).toMatchObject([{ next: 2, ended: true }]);
});

test("without the feature a lost stream ends the run", async () => {
  const machine = new Machine();
  const edge = machine.connect(false);
  machine.say(text("a"));
  await readEvents(start(edge)).next();
  expect(machine.runs.announcement().runs).toEqual([]);
  machine.drop(edge);
  await vi.waitFor(() => expect(machine.running).toBe(0));
});

test("a run that nobody takes is given up after its time", async () => {
  const machine = new Machine(50);
  const edge = machine.connect();
  machine.say(text("a"));
  await readEvents(start(edge)).next();
  machine.drop(edge);
  expect(machine.running).toBe(1);
  await vi.waitFor(() => expect([machine.running, machine.runs.announcement().runs]).toEqual([0, []]));
});

test("a run waits when its lines are more than are kept, and goes on when they are acknowledged", async () => {
  const machine = new Machine();
  const edge = machine.connect();
  const big = text("x".repeat(500_000));
  machine.say(...Array.from({ length: 20 }, () => big), FINISH);
  start(edge);
  await vi.waitFor(() => expect(machine.made).toBeGreaterThan(0));
  machine.drop(edge);
  await vi.waitFor(() => expect(machine.made * 500_000).toBeGreaterThan(PROTOCOL_LIMITS.keptBytes));
  const waiting = machine.made;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(machine.made).toBe(waiting);
  machine.runs.control({ type: "ack", run: "run-1", next: waiting });
  await vi.waitFor(() => expect(machine.made).toBeGreaterThan(waiting));
  machine.runs.stop();
});

test.each([
  { type: "runs" },
  { type: "runs", runs: [{ id: "", first: 0, next: 0, ended: true }] },
  { type: "runs", runs: [{ id: "r", first: -1, next: 0, ended: true }] },
  { type: "runs", runs: [{ id: "r", first: 0, next: 1.5, ended: true }] },
  { type: "runs", runs: Array.from({ length: 257 }, (_, n) => ({ id: `r${n}`, first: 0, next: 0, ended: false })) },
  { type: "ack", run: "r" },
  { type: "ack", run: "r", next: "4" },
  { type: "ack", run: "x".repeat(129), next: 0 },
  { type: "cancel" },
])("refuses the message %j", (message) => {
  expect(controlMessageSchema.safeParse(message).success).toBe(false);
});

test.each([
  { kind: "resume", requestId: "r" },
  { kind: "resume", requestId: "r", from: -1 },
  { kind: "resume", requestId: "", from: 0 },
  { kind: "generate", requestId: "r", first: 0.5 },
])("refuses the header %j", (header) => {
  expect(streamHeaderSchema.safeParse(header).success).toBe(false);
});
