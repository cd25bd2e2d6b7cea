import { PorchlightError } from "../../../shared/errors.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import type { StreamHeader } from "../../../shared/protocol/messages.ts";
import { LineSplitter, lineKind } from "../../../shared/protocol/run-lines.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { Demand } from "../dispatch/dispatcher.ts";
import { OutcomeReader } from "../dispatch/outcome-reader.ts";
import { RUN_LIMITS } from "./limits.ts";
import type { Choice, Opened, RunMachines } from "./machines.ts";
import { recoveryOf } from "./recovery.ts";
import { type ResumePoint, resumedBody, resumePoint } from "./resume-point.ts";
import type { Feed, Run } from "./run.ts";
import { encodeLine, errorOf, parseLine } from "./run-events.ts";
import type { RunKeeper } from "./run-keeper.ts";
import type { RunTable } from "./run-table.ts";

/** Who decides about runs. */
export interface RunOwner {
  /** It has come to its end, or to none. */
  end(run: Run, failure: PorchlightError | undefined): void;
  /** It must not go on. */
  stop(run: Run, why: PorchlightError): void;
  /** The model has asked for calls that are made here. */
  round(run: Run): void;
  /** A request with less in it, for a context that is too small for this one. */
  shorter(run: Run, body: Uint8Array): Uint8Array | undefined;
}

/** Where runs' lines come from: takes them in, and finds another source when one fails. */
export class RunFeeds {
  readonly #machines: RunMachines;
  readonly #table: RunTable;
  readonly #keeper: RunKeeper;
  readonly #owner: RunOwner;

  constructor(options: { machines: RunMachines; table: RunTable; keeper: RunKeeper; owner: RunOwner }) {
    this.#machines = options.machines;
    this.#table = options.table;
    this.#keeper = options.keeper;
    this.#owner = options.owner;
  }

  /** Sends the request to the machine and takes its lines. */
  start(run: Run, { stream, placement, keeps }: Opened, body: Uint8Array, first: number): void {
    run.placement = placement;
    stream.write(body).catch(() => undefined); // It fails when the stream is lost: then its reader has the error.
    stream.end();
    this.#take(run, { stream, keeps, first, agentId: placement.agentId, isResumed: false });
  }

  #take(run: Run, feed: Feed): void {
    run.clearTimers("lost", "again", "elsewhere", "awake");
    // An object that hibernates forgets what its open streams have consumed, and their agent would miss that credit for ever.
    run.timers.awake = setInterval(() => this.#machines.look(feed.agentId), RUN_LIMITS.awakeMs);
    run.feed = feed;
    this.#machines.look(feed.agentId);
    run.progress = undefined;
    void this.#pump(run, feed);
  }

  async #pump(run: Run, feed: Feed): Promise<void> {
    const before = run.log.next;
    let failure = new PorchlightError("agent_disconnected", "The machine ended its answer before the end.");
    let isLost = false;
    try {
      const splitter = new LineSplitter(PROTOCOL_LIMITS.lineBytes);
      let number = feed.first;
      for await (const bytes of feed.stream.incoming) {
        if (run.ended || run.feed !== feed) break;
        const lines: Uint8Array[] = [];
        const said: Uint8Array[] = [];
        let end: "finish" | "error" | "unreadable" | undefined;
        for (const line of splitter.push(bytes)) {
          const kind = lineKind(line);
          // An error with a code that is not known here is an error all the same.
          const event = kind === "error" ? undefined : parseLine(line);
          // Steps of tools are this object's to say.
          if (kind !== "error" && (event === undefined || event.type === "plugin")) {
            failure = new PorchlightError("answer_unreadable");
            end = "unreadable";
            run.outcome.read(encodeLine({ type: "error", error: failure.toWire() }));
            break;
          }
          if (kind === "progress") run.progress = line.slice();
          else if (kind === "error") {
            end = "error";
            failure = errorOf(line);
            run.outcome.read(line);
            break;
          } else if (number++ >= run.log.next + lines.length) {
            said.push(line);
            lines.push(...shownLines(run, line, event));
            if (kind === "finish") {
              end = "finish";
              break;
            }
          }
        }
        this.#append(run, lines, said);
        if (end === "finish")
          return run.rounds?.isOver === true ? this.#owner.round(run) : this.#owner.end(run, undefined);
        if (end === "unreadable") feed.stream.reset(failure.toWire());
        if (end === "error") feed.stream.end();
        if (end !== undefined) break;
        run.notify();
        await run.room();
      }
    } catch (error) {
      failure = PorchlightError.from(error);
      isLost = failure.code === "agent_disconnected";
    }
    if (run.ended || run.feed !== feed) return;
    if (run.log.next > before) run.fruitless = 0;
    else if (hasStarted(run)) run.fruitless += 1;
    this.#failed(run, { ...feed, keeps: feed.keeps && (isLost || failure.code !== "agent_disconnected") }, failure);
  }

  /** @param said the same as the machine said it */
  #append(run: Run, lines: readonly Uint8Array[], said: readonly Uint8Array[]): void {
    if (lines.length === 0) return;
    for (const line of lines) run.ticket.read(line);
    for (const line of said) run.outcome.read(line);
    run.log.append(lines);
    if (run.log.first > 0 && run.readers.size === 0 && run.isKept) {
      const sentence = "The answer is larger than what is kept without a reader. Ask for less.";
      return this.#owner.stop(run, new PorchlightError("body_too_large", sentence));
    }
    this.#keeper.grew(run);
  }

  #failed(run: Run, feed: Feed, error: PorchlightError): void {
    run.feed = undefined;
    run.clearTimers("awake");
    if (error.code === "context_length_exceeded" && this.#shorten(run)) return;
    const { keeps, isResumed } = feed;
    const begun = run.log.next > run.first;
    const { attempts, fruitless } = run;
    const { replay } = run.record;
    const recovery = recoveryOf({ code: error.code, keeps, isResumed, begun, replay, attempts, fruitless });
    if (recovery.kind === "fail") return this.#owner.end(run, sayable(error));
    if (recovery.kind === "again") return this.again(run, recovery.afterMs);
    if (recovery.kind === "wait") {
      this.wait(run);
      const afterMs = recovery.elsewhereAfterMs;
      if (afterMs === 0) this.tryElsewhere(run);
      else if (afterMs !== undefined) run.timers.elsewhere = setTimeout(() => this.tryElsewhere(run), afterMs);
      return;
    }
    if (!this.tryElsewhere(run)) this.#owner.end(run, error);
  }

  /** Asks again with less, where somebody can say what to leave out. Returns whether a machine took that. */
  #shorten(run: Run): boolean {
    if (run.log.next > run.first) return false;
    const body = this.#owner.shorter(run, run.body ?? this.#table.body(run.id));
    if (body === undefined) return false;
    run.bodyBytes = body.length;
    run.prefix = []; // It is another prompt now.
    if (run.isStored) this.#table.setBody(run.id, body);
    else run.body = body;
    return this.#dispatch(run, {});
  }

  /** Its machine is away: it is waited for. */
  wait(run: Run): void {
    if (run.timers.lost !== undefined) return;
    const lost = (): void => this.#owner.end(run, new PorchlightError("agent_disconnected"));
    run.timers.lost = setTimeout(lost, RUN_LIMITS.lostMs);
  }

  /** Has the next round said: where the last one was if that can be, since it has computed what is the same. */
  next(run: Run): void {
    run.attempts = 0;
    run.fruitless = 0;
    run.prefix = [];
    if (this.#dispatch(run, { only: run.record.agentId }) || this.#dispatch(run, {}) || run.ended) return;
    this.again(run, RUN_LIMITS.againMs);
  }

  /** Asks its machine for the lines that it has. */
  resume(run: Run): void {
    const { agentId } = run.record;
    const first = run.log.next;
    const stream = this.#machines.resume(agentId, { kind: "resume", requestId: run.id, from: first });
    if (stream === "away") return;
    if (stream === "full") {
      run.timers.again = setTimeout(() => {
        delete run.timers.again;
        if (!run.ended && run.feed === undefined) this.resume(run);
      }, RUN_LIMITS.againMs);
      return;
    }
    stream.end();
    this.#take(run, { stream, agentId, first, keeps: true, isResumed: true });
  }

  /** Its machine has it no longer: it goes on there behind what there is. */
  again(run: Run, afterMs: number): void {
    this.wait(run);
    clearTimeout(run.timers.again ?? null);
    run.timers.again = setTimeout(() => {
      delete run.timers.again;
      const { agentId } = run.record;
      if (run.ended || run.feed !== undefined || this.#dispatch(run, { only: agentId, keeps: true })) return;
      if (run.log.next === run.first && this.tryElsewhere(run)) return;
      // It is there without the model, or on its way out: it says when that changes.
      if (run.attempts < RUN_LIMITS.attempts) this.#againLater(run);
    }, afterMs);
  }

  #againLater(run: Run): void {
    run.timers.again = setTimeout(() => this.again(run, 0), RUN_LIMITS.againMs * 4);
  }

  /** Another machine takes a run that has not begun, or that may change machines. Returns whether one did. */
  tryElsewhere(run: Run): boolean {
    if (run.ended || run.feed !== undefined) return false;
    const { agentId, replay } = run.record;
    if (run.log.next === run.first) return this.#dispatch(run, { not: agentId });
    return replay && this.#dispatch(run, { not: agentId, like: agentId, keeps: true });
  }

  /** Gives a run to a machine once more. Returns whether one took it. */
  #dispatch(run: Run, choice: Choice): boolean {
    const point = resumePoint(run.log, run.first);
    if (point === undefined) {
      this.#owner.end(run, new PorchlightError("agent_disconnected"));
      return true;
    }
    try {
      const body = resumedBody(run.body ?? this.#table.body(run.id), point);
      const opened = this.#machines.open(demandOf(run), headerOf(run, point), choice);
      this.leavePlace(run, "moved");
      run.attempts += 1;
      this.#moved(run, opened.placement.agentId);
      this.start(run, opened, body, point.first);
      return true;
    } catch (error) {
      if (!(error instanceof PorchlightError)) throw error;
      return false;
    }
  }

  #moved(run: Run, agentId: string): void {
    if (run.record.agentId === agentId) return;
    run.record = { ...run.record, agentId };
    if (run.isStored) this.#table.setRecord(run.id, run.record);
  }

  /** It is no longer at its machine. One that goes on has not failed, whatever befell it: the model's process took many with it. */
  leavePlace(run: Run, how: "ended" | "failed" | "moved"): void {
    const { placement, outcome } = run;
    run.placement = undefined;
    const ending = how === "moved" ? { failure: "agent_disconnected" as const } : outcome.outcome(how === "failed");
    // The next machine's answer is judged by itself.
    run.outcome = new OutcomeReader();
    if (placement?.end(ending) === true) this.#machines.check(placement.agentId);
  }
}

/** A line as it is numbered and read: of a run whose tools are called here, calls are none of the client's. */
function shownLines({ rounds, ticket }: Run, line: Uint8Array, event: GenerateEvent | undefined): Uint8Array[] {
  const shown = event && rounds?.take(event);
  if (shown === undefined) return [line];
  // What the rounds took so far: it is paid for though the answer should come to no end.
  if (event?.type === "usage" && rounds?.usage) ticket.read(encodeLine(rounds.usage));
  return shown.map(encodeLine);
}

/** A machine that cannot go on behind what another has said finds fault with the request: its client knows of no such field. */
function sayable(error: PorchlightError): PorchlightError {
  return error.param === "resume" ? new PorchlightError("agent_disconnected") : error;
}

/** Whether the model has worked on it there: one that only stood in line has no part in what befell the machine. */
function hasStarted({ progress }: Run): boolean {
  const event = progress === undefined ? undefined : parseLine(progress);
  return event?.type === "progress" && event.stage === "prefill";
}

function demandOf(run: Run): Demand {
  const { model, maxTokens } = run.record;
  return { task: "generate", model, maxTokens, prefix: run.prefix, bodyBytes: run.bodyBytes };
}

function headerOf(run: Run, { first }: ResumePoint): StreamHeader {
  return { kind: "generate", requestId: run.id, ...(first === 0 ? {} : { first }) };
}
