import { Webhook } from "standardwebhooks";
import type { HomeObject } from "../edge/product.ts";
import type { ObjectHost } from "../edge/object-host.ts";
import type { Outbound } from "../edge/outbound.ts";
import { type Kernel, type Process, Violation } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import type { JobOutcome } from "./job-client.ts";

/** The one who has receivers: everybody's jobs here are theirs. */
const USER = "person";
/** One of the three is taken away again; another gets a new secret. */
const NAMES = ["kept", "removed", "rotated"] as const;

/** A message as its receiver saw it. */
interface Message {
  jobId: string;
  type: string;
  /** Times it was taken: the edge may not have heard so. */
  taken: number;
}

interface Receiver {
  url: string;
  /** Undefined until the edge knows it. */
  id: string | undefined;
  sinceMs: number;
  isRemoved: boolean;
  secrets: string[];
  messages: Map<string, Message>;
}

/** Receivers of webhooks, somewhere on the internet, and as reliable as they are there. */
export class Webhooks {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #host: ObjectHost<HomeObject>;
  readonly #process: Process;
  readonly #receivers: Receiver[];
  /** Each answers from now on. */
  isCalm = false;

  constructor(kernel: Kernel, random: Random, host: ObjectHost<HomeObject>) {
    this.#kernel = kernel;
    this.#random = random;
    this.#host = host;
    this.#process = kernel.spawn("receivers");
    this.#receivers = NAMES.map((name) => ({
      url: `https://hooks.example/${name}`,
      id: undefined,
      sinceMs: Infinity,
      isRemoved: false,
      secrets: [],
      messages: new Map(),
    }));
  }

  /** Plans what their owner does, until then. */
  begin(untilMs: number): void {
    const [, removed, rotated] = this.#receivers;
    for (const receiver of this.#receivers) this.#plan(1_000, () => this.#add(receiver));
    this.#plan(this.#random.spread(3_000, untilMs), () => removed && this.#remove(removed));
    this.#plan(this.#random.spread(3_000, untilMs), () => rotated && this.#rotate(rotated));
  }

  /** A request of the edge: lost before or behind its receiver, refused, answered late, or taken. */
  receive(request: Outbound, answer: (status: number | undefined) => void): void {
    const receiver = this.#receivers.find(({ url }) => url === request.url);
    if (receiver === undefined) return this.#kernel.fail(new Violation(`${request.url} is nobody's address`));
    // What was on its way when it was removed was sent before.
    if (receiver.isRemoved) return this.#kernel.fail(new Violation(`${request.url} was removed and is sent to`));
    const fate = this.isCalm ? "taken" : this.#random.pick(["taken", "taken", "lost", "unheard", "refused", "late"]);
    const later = (ms: number, act: () => void): void => {
      this.#kernel.plan(this.#process, this.#random.spread(ms / 10, ms), act);
    };
    if (fate === "lost") return later(200, () => answer(undefined));
    later(200, () => {
      if (fate === "refused") return answer(503);
      this.#take(receiver, request);
      if (fate === "unheard") answer(undefined);
      else later(fate === "late" ? 30_000 : 200, () => answer(204));
    });
  }

  /** Messages that are on their way. */
  get waiting(): number {
    const row = this.#host.sql.exec("SELECT count(*) AS n FROM webhook_deliveries WHERE state = 'pending'").one();
    return Number(row["n"]);
  }

  /** Who was there has been told of each job's end, as one message. Throws a Violation. */
  check(jobs: readonly JobOutcome[]): void {
    for (const { url, messages, sinceMs, isRemoved } of this.#receivers) {
      if (isRemoved) continue;
      for (const { id, state, askedAtMs } of jobs) {
        if (id === undefined || askedAtMs < sinceMs || !ENDS.includes(state)) continue;
        const its = [...messages.values()].filter(({ jobId }) => jobId === id);
        const told = its.map(({ type }) => type).join(", ") || "nothing";
        if (told !== `job.${state}`) throw new Violation(`${url} was told ${told} of the job ${id}, which is ${state}`);
      }
    }
  }

  #take({ url, secrets, messages }: Receiver, { headers, body }: Outbound): void {
    const isSigned = secrets.some((secret) => isTrue(secret, headers, body));
    if (!isSigned) throw new Violation(`${url} got what is not signed with its secret`);
    const id = headers["webhook-id"] ?? "";
    const { type, data } = JSON.parse(body) as { type: string; data: { id: string } }; // Signed, so by the edge.
    const known = messages.get(id);
    if (known && (known.type !== type || known.jobId !== data.id)) throw new Violation(`${id} came as another message`);
    messages.set(id, { type, jobId: data.id, taken: (known?.taken ?? 0) + 1 });
    this.#kernel.trace(`${url} is told ${type} of ${data.id}`);
  }

  #add(receiver: Receiver): void {
    this.#ask((home) => {
      const answer = home.callJobs("addReceiver", [USER, receiver.url]) as { made: { id: string; secret: string } };
      receiver.id = answer.made.id;
      receiver.secrets.push(answer.made.secret);
      receiver.sinceMs = this.#kernel.nowMs;
    });
  }

  #remove(receiver: Receiver): void {
    this.#ask((home) => {
      receiver.isRemoved = home.callJobs("removeReceiver", [USER, receiver.id]) === true;
    });
  }

  #rotate(receiver: Receiver): void {
    this.#ask((home) => {
      const answer = home.callJobs("rotateSecret", [USER, receiver.id]) as { secret: string } | undefined;
      if (answer !== undefined) receiver.secrets.push(answer.secret);
    });
  }

  /** What the object does is known here at once: only it is looked at, not whether its owner hears of it. */
  #ask(act: (home: HomeObject) => void): void {
    this.#host.call(act).catch((error: unknown) => {
      const isLost = error instanceof TypeError && error.message === "Network connection lost.";
      if (!isLost) this.#kernel.fail(error);
    });
  }

  #plan(atMs: number, act: () => void): void {
    this.#kernel.plan(this.#process, atMs, act);
  }
}

const ENDS: readonly string[] = ["completed", "failed", "cancelled", "expired"];

function isTrue(secret: string, headers: Record<string, string>, body: string): boolean {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false; // Signed with another, or with none.
  }
}
