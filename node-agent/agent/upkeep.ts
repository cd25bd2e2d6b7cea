import type { ControlMessage, Health, Speed, StatusMessage, WakeTarget } from "../../shared/protocol/messages.ts";
import { type NetworkCard, networkCards } from "../hardware/network-cards.ts";
import { sendWake } from "../link/magic-packet.ts";
import {
  changed,
  type MachineChange,
  type MachineSettings,
  readMachineSettings,
  writeMachineSettings,
} from "./machine-file.ts";
import { type TrialOptions, Trials } from "./trials.ts";

/** How often the edge hears how much others ask of the machine. */
const LOAD_EVERY_MS = 2_000;
/** An edge that is not to be trusted cannot have this machine flood its network. */
const WAKE_EVERY_MS = 5_000;

export interface UpkeepOptions {
  /** Keeps what the owner decided; absent: it is forgotten with the process. */
  machineFile: string | undefined;
  trials: Omit<TrialOptions, "onHealth" | "isBusy">;
  /** Requests that come through the tunnel, and others. */
  requests: () => { tunnel: number; others: number };
  /** Requests that a model answers at once. */
  slots: number;
  /** A trial went well; undefined: its answer was too short to time. */
  onSpeed: (speed: Speed | undefined) => void;
  /** Tells the edge the status. */
  announce: () => void;
  log: (line: string) => void;
  /** In place of this machine's network cards. */
  network?: { cards: () => NetworkCard[]; port: number };
}

/** What keeps a machine fit for others: it is tried, taken out of service, woken, and says how busy it is. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #trials: Trials;
  #settings: MachineSettings;
  #told = { others: 0 };
  #telling: NodeJS.Timeout | undefined;
  #wokeMs = Number.NEGATIVE_INFINITY;

  private constructor(options: UpkeepOptions, settings: MachineSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#trials = new Trials({
      ...options.trials,
      isBusy: () => {
        const { tunnel, others } = options.requests();
        return tunnel + others > 0;
      },
      onHealth: ({ ok, reason }, speed) => {
        if (ok) options.onSpeed(speed);
        else options.log(`The model did not answer its trial: ${reason ?? "it said nothing"}`);
        options.announce();
      },
    });
  }

  static async start(options: UpkeepOptions): Promise<Upkeep> {
    const { machineFile } = options;
    return new Upkeep(options, machineFile === undefined ? NEW_MACHINE : await readMachineSettings(machineFile));
  }

  get settings(): MachineSettings {
    return this.#settings;
  }

  get health(): Health {
    return this.#trials.health;
  }

  /** What the edge hears of it. */
  status(): Pick<StatusMessage, "slots" | "otherRequests" | "draining" | "health" | "wake"> {
    const { draining, wake } = this.#settings;
    const targets = wake ? this.#cards().map(({ mac, network }) => ({ mac, network })) : [];
    const { others } = this.#options.requests();
    this.#told = { others };
    return {
      slots: this.#options.slots,
      health: this.#trials.health,
      ...(others === 0 ? {} : { otherRequests: others }),
      ...(draining ? { draining } : {}),
      ...(targets.length === 0 ? {} : { wake: targets.slice(0, 8) }),
    };
  }

  /** Tries the model now. Never rejects. */
  async check(): Promise<void> {
    await this.#trials.check();
  }

  /** What the owner decides counts from now on, also after the next start. */
  async set(change: MachineChange): Promise<void> {
    const settings = changed(this.#settings, change);
    const { machineFile, announce } = this.#options;
    if (machineFile !== undefined) await writeMachineSettings(machineFile, settings);
    this.#settings = settings;
    announce();
  }

  /** The number of others' requests may have changed: the edge hears of it soon. */
  loadChanged(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      if (this.#options.requests().others !== this.#told.others) this.#options.announce();
    }, LOAD_EVERY_MS).unref();
  }

  /** Does what the edge asks. Never throws. */
  control(message: ControlMessage): void {
    void this.#obey(message).catch((error: unknown) => {
      this.#options.log(error instanceof Error ? error.message : String(error));
    });
  }

  stop(): void {
    clearTimeout(this.#telling);
    this.#trials.stop();
  }

  async #obey(message: ControlMessage): Promise<void> {
    if (message.type === "check") await this.check();
    else if (message.type === "drain") await this.set({ draining: message.draining });
    else if (message.type === "wake") await this.#wake(message.targets);
  }

  #cards(): NetworkCard[] {
    return this.#options.network?.cards() ?? networkCards();
  }

  async #wake(targets: readonly WakeTarget[]): Promise<void> {
    const now = performance.now();
    if (!this.#settings.wake || now - this.#wokeMs < WAKE_EVERY_MS) return;
    this.#wokeMs = now;
    await sendWake(targets, this.#cards(), this.#options.network?.port);
  }
}

const NEW_MACHINE: MachineSettings = { draining: false, wake: false };
