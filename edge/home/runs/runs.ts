import { PorchlightError } from "../../../shared/errors.ts";
import type { PluginStep } from "../../../shared/inference/event.ts";
import type { KeptRun } from "../../../shared/protocol/messages.ts";
import type { Demand } from "../dispatch/dispatcher.ts";
import type { Ticket } from "../quota/quotas.ts";
import { RUN_LIMITS } from "./limits.ts";
import type { Opened } from "./machines.ts";
import type { NewRun, RunsOptions } from "./new-run.ts";
import { readRun } from "./reader.ts";
import { Run } from "./run.ts";
import { encodeLine, endOf, eventsFrom, parseLine } from "./run-events.ts";
import { RunFeeds } from "./run-feeds.ts";
import { RunKeeper } from "./run-keeper.ts";
import { RunShelf } from "./run-shelf.ts";
import { RunTable } from "./run-table.ts";

/**
 * The generations of a household. A run outlives its client, its tunnel, its machine's process and this object: its lines are numbered,
 * kept here and at its agent, and written down by and by; what was lost is asked for again, or made again behind what is there.
 */
export class Runs {
  readonly #options: RunsOptions;
  readonly #now: () => number;
  readonly #shelf: RunShelf;
  readonly #keeper: RunKeeper;
  readonly #feeds: RunFeeds;

  constructor(options: RunsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => Date.now());
    const table = new RunTable(options.sql);
    const { machines } = options;
    this.#shelf = new RunShelf(table, options.quotas);
    this.#keeper = new RunKeeper(table, {
      tell: (agentId, message) => machines.tell(agentId, message),
      onDue: (atMs) => options.onDue(atMs),
    });
    this.#feeds = new RunFeeds({
      machines,
      table,
      keeper: this.#keeper,
      owner: {
        end: (run, failure) => this.#end(run, failure),
        stop: (run, why) => this.#stop(run, why),
        round: (run) => this.#roundEnded(run),
        shorter: (run, body) => this.#options.shorter?.({ id: run.id, owner: run.record.owner, body }),
      },
    });
  }

  /** Takes up again what nobody else will ask for: call once everything this needs is there. */
  restore(): void {
    for (const { id, record, endedAtMs } of this.#shelf.stored) {
      if (endedAtMs === undefined && (record.kept || record.owner !== "client")) this.#find(id);
    }
    const atMs = this.nextAtMs();
    if (atMs !== undefined) this.#options.onDue(atMs);
  }

  /** Starts a run, or finds the one that was started by this id. Throws PorchlightError: then nothing was started. */
  start(asked: NewRun): Run {
    const known = this.#find(asked.id);
    if (known !== undefined) {
      if (known.record.caller.id !== asked.caller.id) throw new PorchlightError("not_found");
      return known;
    }
    const { id, caller, model, maxTokens, prefix, body } = asked;
    const demand: Demand = { task: "generate", model, maxTokens, prefix, bodyBytes: body.length };
    const worstTokens = this.#options.worstTokens(demand);
    const ticket = this.#options.quotas.start({ caller, model, bodyBytes: body.length, worstTokens });
    const opened = this.#open(ticket, demand, id);
    const { note = "", kept = false, owner = "client", replay = false } = asked;
    const record = { caller, model, note, kept, owner, replay, agentId: opened.placement.agentId };
    const rounds = asked.rounds && { ...asked.rounds, round: 0, first: 0 };
    const run = new Run({
      id,
      record: {
        ...record,
        ...(maxTokens === undefined ? {} : { maxTokens }),
        ...(rounds === undefined ? {} : { rounds }),
      },
      ticket,
      bodyBytes: body.length,
      createdAtMs: this.#now(),
    });
    run.body = body;
    run.prefix = prefix;
    this.#shelf.add(run);
    asked.onStarted?.();
    this.#hold(run);
    this.#feeds.start(run, opened, body, 0);
    // Its owner writes down in this very step that there is a run: both are there, or neither.
    if (owner !== "client") this.#keeper.store(run);
    // Behind this turn, in which the request leaves for its machine: what is written holds back whatever is sent after it.
    setTimeout(() => {
      if (this.#shelf.get(id) === run) this.#keeper.store(run);
    }, 0);
    return run;
  }

  /**
   * A run of this caller, to be read from line `from` on. Throws `not_found`, and `resume_expired` where its beginning is no longer
   * kept.
   */
  find(id: string, callerId: string, from: number): Run {
    const run = this.#own(id, callerId);
    if (run.log.first > from || from > run.log.next + RUN_LIMITS.aheadLines)
      throw new PorchlightError("resume_expired");
    return run;
  }

  /** Its lines from number `from` on. A reader that leaves ends a run that is not kept. */
  read(run: Run, from: number, signal: AbortSignal): ReadableStream<Uint8Array> {
    clearTimeout(run.timers.orphan ?? null);
    // One that was taken up after this object started anew waits for somebody who wants it.
    if (isIdle(run)) this.#goOn(run);
    return readRun(run, {
      from,
      signal,
      onLeft: (why) => {
        if (run.readers.size === 0 && !run.isKept) this.#stop(run, new PorchlightError(why));
      },
    });
  }

  /** Stops a run of this caller. Throws `not_found`. */
  cancel(id: string, callerId: string): void {
    this.#stop(this.#own(id, callerId), new PorchlightError("cancelled"));
  }

  /** Stops a run, whoever's it is, if it is under way. */
  stop(id: string): void {
    const run = this.#find(id);
    if (run !== undefined) this.#stop(run, new PorchlightError("cancelled"));
  }

  /**
   * A caller is worth nothing any more. Its running runs end by their tickets; those that nobody has asked for yet since this object
   * started are forgotten, and their machines told, now or when they announce them.
   */
  callerGone(callerId: string): void {
    for (const { id, record } of this.#shelf.stored) {
      if (record.caller.id !== callerId) continue;
      this.#options.machines.tell(record.agentId, { type: "cancel", run: id });
      this.#shelf.remove(id);
    }
  }

  /** Whether it is under way. */
  has(id: string): boolean {
    return this.#find(id)?.ended === false;
  }

  /** How far a run is that is under way. */
  progress(id: string): { stage: "queued" | "loading" | "prefill" | "answering"; pieces: number } | undefined {
    const run = this.#shelf.get(id);
    if (run === undefined || run.ended) return undefined;
    if (run.log.next > 0) return { stage: "answering", pieces: run.log.next };
    const event = run.progress === undefined ? undefined : parseLine(run.progress);
    return { stage: event?.type === "progress" ? event.stage : "queued", pieces: 0 };
  }

  /** An agent tells which runs it has: those that are missing are lost there. */
  announced(agentId: string, kept: readonly KeptRun[]): void {
    const has = new Map(kept.map((one) => [one.id, one]));
    for (const { id } of kept) {
      const run = this.#find(id);
      // Nobody wants it, or another machine has taken it over meanwhile.
      const isIts = run !== undefined && run.failure === undefined && run.record.agentId === agentId;
      if (!isIts) this.#options.machines.tell(agentId, { type: "cancel", run: id });
      else if (run.ended && run.durable === run.log.next) this.#keeper.acknowledge(run);
    }
    for (const run of this.#shelf.all) {
      if (!isIdle(run) || !isWanted(run) || isBetween(run)) continue;
      if (run.record.agentId !== agentId) this.#feeds.tryElsewhere(run);
      else if (has.has(run.id)) this.#feeds.resume(run);
      else this.#feeds.again(run, 0);
    }
  }

  /** An agent may have models now that it did not have: runs that wait for one may go on. */
  statusChanged(): void {
    for (const run of this.#shelf.all) {
      if (isIdle(run) && isWanted(run) && !isBetween(run) && run.log.next === run.first) this.#feeds.tryElsewhere(run);
    }
  }

  /** A machine was revoked: it does not come back. */
  forget(agentId: string): void {
    for (const run of this.#shelf.all) {
      if (run.ended || run.feed !== undefined || isBetween(run) || run.record.agentId !== agentId) continue;
      this.#end(run, new PorchlightError("agent_disconnected"));
    }
  }

  /** When `tidy` is due, if ever. */
  nextAtMs(): number | undefined {
    return this.#shelf.nextAtMs();
  }

  /** Forgets what is too old to be taken up. */
  tidy(): void {
    this.#shelf.tidy(this.#now());
  }

  #open(ticket: Ticket, demand: Demand, id: string): Opened {
    try {
      return this.#options.machines.open(demand, { kind: "generate", requestId: id }, {});
    } catch (error) {
      ticket.cancel();
      throw error;
    }
  }

  /** It ends when its caller is worth nothing any more. */
  #hold(run: Run): void {
    run.ticket.onRevoked(() => this.#stop(run, new PorchlightError("invalid_api_key")));
  }

  #own(id: string, callerId: string): Run {
    const run = this.#find(id);
    if (run === undefined || run.record.caller.id !== callerId) throw noSuchRun();
    return run;
  }

  /** One that runs, has ended, or is taken up from what an object before this one wrote down. */
  #find(id: string): Run | undefined {
    const run = this.#shelf.takeUp(id);
    if (run === undefined) return this.#shelf.get(id);
    this.#hold(run);
    if (run.ended) return run;
    if (!run.isKept) {
      const orphan = (): void => {
        if (run.readers.size === 0) this.#stop(run, new PorchlightError("cancelled"));
      };
      run.timers.orphan = setTimeout(orphan, RUN_LIMITS.orphanMs);
    }
    if (!isBetween(run)) this.#feeds.wait(run);
    if (run.isKept) this.#goOn(run);
    return run;
  }

  /** One that was taken up: its machine has what is missing, or its calls have yet to be made. */
  #goOn(run: Run): void {
    if (isBetween(run)) this.#call(run);
    else this.#feeds.resume(run);
  }

  /** The model has asked for calls: its machine is free, and what was said is written down before anything is called. */
  #roundEnded(run: Run): void {
    run.feed = undefined;
    run.clearTimers("lost", "again", "elsewhere", "awake");
    this.#feeds.leavePlace(run, "ended");
    if (!this.#keeper.secure(run)) return this.#end(run, new PorchlightError("body_too_large"));
    run.notify();
    this.#call(run);
  }

  #call(run: Run): void {
    const { calls } = this.#options;
    const { id, log, first } = run;
    const round = run.record.rounds?.round ?? 0;
    if (calls === undefined || log.first > first) return this.#end(run, new PorchlightError("internal"));
    run.callingSinceMs = this.#now();
    // Without anything to do for seconds the object would hibernate, and forget what it waits for.
    run.timers.awake = setInterval(() => undefined, RUN_LIMITS.awakeMs);
    calls.called({ id, owner: run.record.owner, round, body: this.#keeper.body(run), events: eventsFrom(log, first) });
  }

  /** Says what becomes of a run's calls; its readers have it once it is written down. Nothing happens where the run has ended. */
  say(id: string, steps: readonly PluginStep[]): void {
    const run = this.#calling(id);
    if (run === undefined || steps.length === 0) return;
    run.log.append(steps.map((plugin) => encodeLine({ type: "plugin", plugin })));
    if (!this.#keeper.secure(run)) return this.#end(run, new PorchlightError("body_too_large"));
    run.notify();
  }

  /** Has the next round said, by this request. Nothing happens where the run has ended. */
  next(id: string, body: Uint8Array): void {
    const run = this.#calling(id);
    const { rounds } = run?.record ?? {};
    if (run === undefined || rounds === undefined) return;
    this.#rest(run);
    run.record = { ...run.record, rounds: { ...rounds, round: rounds.round + 1, first: run.log.next } };
    run.rounds?.begin(rounds.round + 1);
    run.bodyBytes = body.length;
    this.#keeper.setRequest(run, body);
    this.#feeds.next(run);
  }

  /** Ends a run whose calls cannot be made. */
  fail(id: string, why: PorchlightError): void {
    const run = this.#calling(id);
    if (run !== undefined) this.#end(run, why);
  }

  #calling(id: string): Run | undefined {
    const run = this.#shelf.get(id);
    return run === undefined || run.ended || run.callingSinceMs === undefined ? undefined : run;
  }

  /** No machine worked on it meanwhile: nobody pays for that time. */
  #rest(run: Run): void {
    if (run.callingSinceMs === undefined) return;
    run.ticket.rested(this.#now() - run.callingSinceMs);
    run.callingSinceMs = undefined;
    run.clearTimers("awake");
  }

  /** Somebody stops it: its machine is told, now or when it comes. */
  #stop(run: Run, why: PorchlightError): void {
    if (run.ended) return;
    const { stream, agentId } = run.feed ?? { stream: undefined, agentId: run.record.agentId };
    if (stream === undefined) this.#options.machines.tell(agentId, { type: "cancel", run: run.id });
    else stream.reset(why.toWire());
    this.#end(run, why);
  }

  /** @param failure why it came to no end of its own; readers find it as the last line */
  #end(run: Run, failure: PorchlightError | undefined): void {
    if (run.ended) return;
    this.#rest(run);
    run.endedAtMs = this.#now();
    run.feed = undefined;
    run.failure = failure;
    run.clearTimers("lost", "again", "elsewhere", "orphan", "awake");
    if (failure !== undefined) {
      const line = encodeLine({ type: "error", error: failure.toWire() });
      run.ticket.read(line);
      run.log.append([line]);
    }
    this.#feeds.leavePlace(run, failure === undefined ? "ended" : "failed");
    run.ticket.settle(failure?.code === "agent_disconnected" || failure?.code === "cancelled");
    if (failure?.code === "cancelled") this.#shelf.remove(run.id);
    else if (run.isKept) this.#keeper.storeEnd(run);
    run.notify();
    run.taken();
    const { owner, caller, note } = run.record;
    if (owner !== "client") this.#options.onEnded?.({ id: run.id, owner, caller, note, outcome: endOf(run) });
    if (run.rounds !== undefined) this.#options.calls?.over(run.id);
    this.#shelf.makeRoom();
  }
}

/** Nothing comes of it, and nothing is being tried. */
function isIdle(run: Run): boolean {
  return !run.ended && run.feed === undefined && run.timers.again === undefined && run.callingSinceMs === undefined;
}

/** Whether its model has asked for calls, and nothing was sent to it since. */
function isBetween({ rounds }: Run): boolean {
  return rounds?.isOver === true;
}

/** Machines are not bothered, nor their few streams taken, for what nobody may come back to. */
function isWanted(run: Run): boolean {
  return run.isKept || run.readers.size > 0;
}

function noSuchRun(): PorchlightError {
  return new PorchlightError("not_found", "There is no such answer, or it is no longer kept.");
}
