import * as fc from "fast-check";
import { PorchlightError } from "../../../../shared/errors.ts";
import type { NewTurn, Turn } from "../../../../shared/sessions/turn.ts";
import { checkRest, checkRows, type Expected, wordOf } from "./tier-checks.ts";
import { Crash, DAY_MS, settled, TierWorld } from "./tier-world.ts";

/** What may happen; `which` picks among the conversations there are. */
export const stepArbitrary = fc.oneof(
  { weight: 2, arbitrary: fc.record({ what: fc.constant("create" as const) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      what: fc.constantFrom("say", "say", "say", "ask", "answer", "answer", "regenerate"),
      which: fc.nat(4),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom("fork", "remove"), which: fc.nat(4), upTo: fc.nat(8) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("regenerate" as const), which: fc.nat(4) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("read" as const), which: fc.nat(4) }) },
  { weight: 7, arbitrary: fc.record({ what: fc.constant("wait" as const), days: fc.integer({ min: 0, max: 12 }) }) },
  { weight: 14, arbitrary: fc.record({ what: fc.constantFrom("tick", "tick", "tick", "tick", "restart") }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom("first", "second"), online: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("park" as const), parks: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ what: fc.constant("release" as const), which: fc.nat(5) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("fault" as const),
      after: fc.integer({ min: 1, max: 20 }),
      fault: fc.constantFrom("crashBefore", "crashAfter", "failBefore", "failAfter"),
    }),
  },
);
export type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** A reader on its way, and every answer it may get: all that was true at some moment since it asked. */
interface Reader {
  id: string;
  allowed: Set<string>;
}

const key = (words: readonly string[] | undefined): string => JSON.stringify(words ?? "none");

/** A history of conversations in a world where anything may break off, and the model that it is held to. */
export class TierHistory {
  readonly world: TierWorld;
  readonly #sessions: Expected[] = [];
  readonly #deleted = new Set<string>();
  readonly #readers = new Set<Reader>();
  readonly #under = new Set<Promise<void>>();
  readonly #wrong: unknown[] = [];
  #words = 0;

  constructor(sql: SqlStorage, commit: <T>(step: () => T) => T) {
    this.world = new TierWorld(sql, commit);
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of [{ what: "create" } as const, ...steps]) {
      await this.#apply(step);
      await settled();
      this.#check();
    }
    await this.#rest();
  }

  #check(): void {
    checkRows(this.world, this.#sessions, this.#deleted);
    if (this.#wrong.length > 0) throw this.#wrong[0];
  }

  /** From here on nothing goes wrong, and everything comes to rest. */
  async #rest(): Promise<void> {
    const { world } = this;
    world.unplant();
    world.parks = false;
    await world.releaseAll();
    for (const agentId of ["first", "second"]) world.archive.online.add(agentId);
    await Promise.all(this.#under);
    for (const { sessionId, index } of world.life.store.answering()) {
      const turn = world.life.tables.turns.turns(sessionId, index, index + 1)[0];
      world.life.store.finishTurn(sessionId, index, { messages: turn?.messages ?? [], state: "cancelled" });
    }
    for (let round = 0; round < 40; round++) {
      const atMs = world.life.tiers.nextAtMs();
      if (atMs === undefined) break;
      world.nowMs = Math.max(world.nowMs, atMs);
      await world.life.tiers.tick();
      this.#check();
    }
    await checkRest(world, this.#sessions, this.#deleted);
  }

  async #apply(step: Step): Promise<void> {
    const { world } = this;
    switch (step.what) {
      case "create":
        return this.#create();
      case "say":
        return this.#say(this.#pick(step.which), "complete");
      case "ask":
        return this.#say(this.#pick(step.which), "answering");
      case "answer":
        return this.#answer(this.#pick(step.which));
      case "regenerate":
        return this.#regenerate(this.#pick(step.which));
      case "fork":
        return this.#fork(this.#pick(step.which), step.upTo);
      case "remove":
        return this.#remove(this.#pick(step.which));
      case "read":
        return this.#read(this.#pick(step.which));
      case "wait":
        // No call takes days.
        if (step.days > 0) await world.releaseAll();
        world.nowMs += step.days * DAY_MS;
        return;
      case "tick":
        return this.#start(async () => await world.life.tiers.tick());
      case "restart":
        return world.restart();
      case "first":
      case "second":
        if (step.online) world.archive.online.add(step.what);
        else world.archive.online.delete(step.what);
        return world.life.tiers.machinesChanged();
      case "park":
        world.parks = step.parks;
        return;
      case "release":
        return await world.release(step.which);
      case "fault":
        world.plant(step.after, step.fault);
    }
  }

  #pick(which: number): Expected | undefined {
    return this.#sessions[which % Math.max(1, this.#sessions.length)];
  }

  #turn(state: NewTurn["state"]): NewTurn {
    this.#words += 1;
    const messages = [{ role: "user" as const, content: `word${this.#words}x` }];
    return { createdAtMs: this.world.nowMs, messages, model: "starter", state };
  }

  /** A step of the store that answers at once. `isDone` says, should the object have died of it, whether it was written. */
  #now<T>(step: () => T, isDone: () => boolean, done: (result: T | undefined) => void): void {
    try {
      done(step());
    } catch (error) {
      if (!(error instanceof PorchlightError)) throw error;
      if (error instanceof Crash && isDone()) done(undefined);
    }
  }

  #create(): void {
    const before = this.#ids();
    const isDone = (): boolean => this.#ids().length > before.length;
    this.#now(
      () => this.world.life.store.create({ userId: "ann" }),
      isDone,
      () => this.#takeNew(before, []),
    );
  }

  #ids(): string[] {
    return this.world.life.tables.sessions.idsOf("ann", 1000);
  }

  #takeNew(before: readonly string[], words: string[]): void {
    const id = this.#ids().find((one) => !before.includes(one));
    if (id === undefined) throw new Error("what was made is not there");
    this.#sessions.push({ id, userId: "ann", words });
  }

  #say(session: Expected | undefined, state: "complete" | "answering"): void {
    if (session === undefined) return;
    const { store } = this.world.life;
    const turn = this.#turn(state);
    const isDone = (): boolean => this.world.life.store.find(session.id)?.turnCount === session.words.length + 1;
    this.#now(
      () => store.addTurn(session.id, turn),
      isDone,
      () => this.#changed(session, [...session.words, wordOf(turn)]),
    );
  }

  #answer(session: Expected | undefined): void {
    const { store } = this.world.life;
    const place = store.answering().find(({ sessionId }) => sessionId === session?.id);
    if (session === undefined || place === undefined) return;
    const content = session.words[place.index] ?? "";
    const messages = [
      { role: "user" as const, content },
      { role: "assistant" as const, content: "Yes." },
    ];
    this.#now(
      () => store.finishTurn(session.id, place.index, { messages, state: "complete" }),
      () => true,
      () => undefined,
    );
  }

  /** Takes its time where the last turn is cold. */
  #regenerate(session: Expected | undefined): void {
    if (session === undefined || session.words.length === 0) return;
    const turn = this.#turn("complete");
    // Whether it was written is looked up in the step after: the last turn is hot then.
    const isDone = (): boolean => {
      const last = session.words.length - 1;
      const [now] = this.world.life.tables.turns.turns(session.id, last, last + 1);
      return now !== undefined && wordOf(now) === wordOf(turn);
    };
    const { store } = this.world.life;
    const replacing = store.replaceLast(session.id, turn).then(
      () => undefined,
      (error: unknown) => this.#expected(error),
    );
    this.#start(
      async () => await replacing,
      () => {
        const { length } = session.words;
        if (this.#deleted.has(session.id) || !isDone()) return;
        this.#changed(session, [...session.words.slice(0, length - 1), wordOf(turn)]);
      },
    );
  }

  #fork(session: Expected | undefined, upTo: number): void {
    if (session === undefined) return;
    const { store } = this.world.life;
    const allowed = this.#watch(session);
    this.#start(async () => {
      const before = this.#ids();
      try {
        const { id } = await store.fork(session.id, "ann", upTo);
        const turns = await this.#hotWords(id);
        this.#demandAllowed(allowed, turns, upTo);
        this.#sessions.push({ id, userId: "ann", words: turns });
      } catch (error) {
        this.#expected(error);
        // The step that wrote it may have been the object's last.
        for (const id of this.#ids().filter(
          (one) => !before.includes(one) && !this.#sessions.some((known) => known.id === one),
        )) {
          if (this.world.life.store.find(id)?.forkedFrom === undefined) continue;
          this.#sessions.push({ id, userId: "ann", words: await this.#hotWords(id) });
        }
      } finally {
        this.#readers.delete(allowed);
      }
    });
  }

  async #hotWords(id: string): Promise<string[]> {
    return await Promise.resolve(this.world.life.tables.turns.turns(id, 0, 1_000_000).map((turn) => wordOf(turn)));
  }

  #remove(session: Expected | undefined): void {
    if (session === undefined) return;
    const isDone = (): boolean => this.world.life.store.find(session.id) === undefined;
    this.#now(
      () => this.world.life.store.remove(session.id, "ann"),
      isDone,
      () => {
        this.#deleted.add(session.id);
        this.#sessions.splice(this.#sessions.indexOf(session), 1);
        for (const reader of this.#readers) if (reader.id === session.id) reader.allowed.add(key(undefined));
      },
    );
  }

  #read(session: Expected | undefined): void {
    if (session === undefined) return;
    const { store } = this.world.life;
    const reader = this.#watch(session);
    this.#start(async () => {
      try {
        const turns = await store.turns(session.id, 0, 1_000_000);
        this.#demandOrder(turns);
        this.#demandAllowed(
          reader,
          turns.map((turn) => wordOf(turn)),
        );
      } catch (error) {
        this.#expected(error);
        const isGone = error instanceof PorchlightError && error.code === "not_found";
        if (isGone && !this.#deleted.has(session.id)) this.#wrong.push(new Error(`${session.id} is said to be gone`));
      } finally {
        this.#readers.delete(reader);
      }
    });
  }

  #watch({ id, words }: Expected): Reader {
    const reader = { id, allowed: new Set([key(words)]) };
    this.#readers.add(reader);
    return reader;
  }

  #changed(session: Expected, words: string[]): void {
    session.words = words;
    for (const reader of this.#readers) if (reader.id === session.id) reader.allowed.add(key(words));
  }

  #demandOrder(turns: readonly Turn[]): void {
    if (turns.some(({ index }, at) => index !== at)) this.#wrong.push(new Error("a turn is doubled, or left out"));
  }

  #demandAllowed({ allowed }: Reader, words: string[], upTo?: number): void {
    const versions = [...allowed].map((text) => (upTo === undefined ? text : key(cut(text, upTo))));
    if (!versions.includes(key(words)))
      this.#wrong.push(new Error(`a reader saw ${key(words)}, not one of ${versions.join()}`));
  }

  #start(task: () => Promise<void>, then: () => void = () => undefined): void {
    const under: Promise<void> = task()
      .catch((error: unknown) => this.#expected(error))
      .then(then)
      .catch((error: unknown) => void this.#wrong.push(error))
      .finally(() => this.#under.delete(under));
    this.#under.add(under);
  }

  /** Refusals are part of life; anything else is wrong. */
  #expected(error: unknown): void {
    if (!(error instanceof PorchlightError) || error.code === "internal") this.#wrong.push(error);
  }
}

function cut(text: string, upTo: number): string[] | undefined {
  const words: unknown = JSON.parse(text);
  return Array.isArray(words) ? words.slice(0, upTo).map(String) : undefined;
}
