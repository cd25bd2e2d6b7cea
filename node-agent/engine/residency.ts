/** A model's process as far as memory is concerned. */
export interface Resident {
  /** Memory that it is expected to take. */
  readonly bytes: number;
  /** Whether there is a process. */
  readonly isLive: boolean;
  /** Memory that its process was last seen to take; undefined before that. */
  readonly measuredBytes: number | undefined;
  /** Gives its process's caches back. */
  reclaim(): void;
  /** Ends its process, after it has written down what may be kept. Only while nothing is asked of it. */
  unload(): Promise<void>;
}

export interface ResidencyLimits {
  /** Memory for all models together. */
  budgetBytes: number;
  /** How long an idle model stays when its last request did not say, in milliseconds; -1 for ever. */
  keepAliveMs?: number | undefined;
}

export interface ResidencyOptions extends ResidencyLimits {
  /** Share of the budget above which caches are given back and idle models leave. */
  reclaimAt?: number | undefined;
}

/** The memory threshold that people know from other servers. */
const RECLAIM_AT = 0.8;
/** As Ollama's. */
const KEEP_ALIVE_MS = 5 * 60_000;
/** The longest time that a timer can wait. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/** What is known of a resident that something was asked of. */
interface Guest {
  /** Uses that have begun and not ended. */
  uses: number;
  lastUsedMs: number;
  /** How long it stays after its last use, where that said so. */
  keepAliveMs: number | undefined;
  leaves: NodeJS.Timeout | undefined;
  /** Its process is on its way out: its memory is still taken, and whoever wants it has to wait. */
  isLeaving: boolean;
}

interface Waiting {
  resident: Resident;
  admit: () => void;
  onPlace: (place: number) => void;
}

/**
 * Keeps the models that are loaded within one budget of memory. Who needs room for another waits in line; the idle model that was used least
 * recently leaves first, never one that is working. A model that nobody asked for a while leaves by itself.
 */
export class Residency {
  #options: ResidencyOptions;
  readonly #guests = new Map<Resident, Guest>();
  readonly #line: Waiting[] = [];
  #isAdvancing = false;

  constructor(options: ResidencyOptions) {
    this.#options = options;
  }

  /** Holds to other limits from now on. */
  limit(limits: ResidencyLimits): void {
    this.#options = { ...this.#options, ...limits };
    for (const [resident, guest] of this.#guests)
      if (guest.uses === 0 && !guest.isLeaving) this.#schedule(resident, guest);
    this.relieve();
    void this.#advance();
  }

  /** Whether nothing is being asked of a resident. */
  isIdle(resident: Resident): boolean {
    return (this.#guests.get(resident)?.uses ?? 0) === 0;
  }

  /**
   * Resolves when there is room for a resident, and keeps it until `leave`. One that is too large for the budget has it to itself.
   * @param onPlace hears the place in line, from 1 on, whenever it changes
   * Rejects with the signal's reason when it aborts.
   */
  async enter(resident: Resident, signal: AbortSignal, onPlace: (place: number) => void = () => {}): Promise<void> {
    signal.throwIfAborted();
    if (this.#hasRoom(resident)) {
      this.#admit(resident);
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { resident, onPlace, admit: resolve };
    const giveUp = (): void => {
      this.#line.splice(this.#line.indexOf(waiting), 1);
      reject(signal.reason);
      this.#tellPlaces();
    };
    signal.addEventListener("abort", giveUp, { once: true });
    this.#line.push(waiting);
    this.#tellPlaces();
    void this.#advance();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /**
   * A use has ended. The last one's `keepAliveMs` says how long the model stays: 0 not at all, below 0 or Infinity for ever.
   */
  leave(resident: Resident, keepAliveMs?: number): void {
    const guest = this.#guests.get(resident);
    if (guest === undefined) return;
    guest.uses--;
    guest.lastUsedMs = performance.now();
    guest.keepAliveMs = keepAliveMs;
    if (guest.uses === 0) this.#schedule(resident, guest);
    void this.#advance();
  }

  /** A resident will not be asked again. */
  forget(resident: Resident): void {
    clearTimeout(this.#guests.get(resident)?.leaves);
    this.#guests.delete(resident);
    void this.#advance();
  }

  /** A resident's process has ended, whatever the reason. */
  changed(): void {
    void this.#advance();
  }

  /** Looks at the memory that is really used: above the threshold caches go first, then, one at a time, idle models. */
  relieve(): void {
    const { budgetBytes, reclaimAt = RECLAIM_AT } = this.#options;
    const live = [...this.#guests.keys()].filter(({ isLive }) => isLive);
    const used = live.reduce((sum, { measuredBytes, bytes }) => sum + (measuredBytes ?? bytes), 0);
    if (used <= budgetBytes * reclaimAt) return;
    for (const resident of live) resident.reclaim();
    const idle = this.#leastRecent();
    // What caches take shows at the next look; a model over its own estimate is left if it is the only one.
    if (idle !== undefined && live.length > 1) void this.#unload(idle);
  }

  /** Lets go of everything: no timer is left. */
  stop(): void {
    for (const { leaves } of this.#guests.values()) clearTimeout(leaves);
    this.#guests.clear();
  }

  /** Says when an idle resident leaves by itself. */
  #schedule(resident: Resident, guest: Guest): void {
    clearTimeout(guest.leaves);
    const keepAliveMs = guest.keepAliveMs ?? this.#options.keepAliveMs ?? KEEP_ALIVE_MS;
    if (keepAliveMs < 0 || keepAliveMs > MOST_TIMER_MS) return;
    const leftMs = Math.max(0, guest.lastUsedMs + keepAliveMs - performance.now());
    guest.leaves = setTimeout(() => void this.#unload(resident), leftMs);
    guest.leaves.unref();
  }

  #admit(resident: Resident): void {
    const guest = this.#guests.get(resident) ?? {
      uses: 0,
      lastUsedMs: 0,
      keepAliveMs: undefined,
      leaves: undefined,
      isLeaving: false,
    };
    clearTimeout(guest.leaves);
    guest.leaves = undefined;
    guest.uses++;
    guest.lastUsedMs = performance.now();
    this.#guests.set(resident, guest);
  }

  /** Whether a resident is in already, or fits beside those that are. */
  #hasRoom(resident: Resident): boolean {
    if (this.#guests.get(resident)?.isLeaving === true) return false;
    const others = [...this.#guests].filter(([other, { uses }]) => other !== resident && (other.isLive || uses > 0));
    const isIn = resident.isLive || !this.isIdle(resident);
    const taken = others.reduce((sum, [{ bytes }]) => sum + bytes, 0);
    return isIn || others.length === 0 || taken + resident.bytes <= this.#options.budgetBytes;
  }

  /** Lets in whoever is first in line, as long as room can be made. */
  async #advance(): Promise<void> {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      if (this.#hasRoom(first.resident)) {
        this.#line.shift();
        this.#admit(first.resident);
        first.admit();
        this.#tellPlaces();
        continue;
      }
      const idle = this.#leastRecent();
      if (idle === undefined) break;
      await this.#unload(idle);
    }
    this.#isAdvancing = false;
  }

  #leastRecent(): Resident | undefined {
    const idle = [...this.#guests].filter(([{ isLive }, { uses, isLeaving }]) => isLive && uses === 0 && !isLeaving);
    return idle.toSorted(([, a], [, b]) => a.lastUsedMs - b.lastUsedMs)[0]?.[0];
  }

  async #unload(resident: Resident): Promise<void> {
    const guest = this.#guests.get(resident);
    if (guest === undefined || guest.uses > 0 || guest.isLeaving) return;
    clearTimeout(guest.leaves);
    guest.isLeaving = true;
    await resident.unload();
    this.#guests.delete(resident);
    void this.#advance();
  }

  #tellPlaces(): void {
    for (const [i, { onPlace }] of this.#line.entries()) onPlace(i + 1);
  }
}
