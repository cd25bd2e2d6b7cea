import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { createLink, type Link, type LinkState } from "../../../node-agent/link/link.ts";
import type { PairedIdentity } from "../../../node-agent/link/identity.ts";
import type { ModelInfo } from "../../../shared/inference/model.ts";
import type { StatusMessage } from "../../../shared/protocol/messages.ts";
import type { Kernel, Process } from "../kernel/kernel.ts";
import { Random } from "../kernel/random.ts";
import { CONTEXT_TOKENS, EMBED_MODEL, MODEL, OWN_MODEL } from "./script.ts";
import { type Busy, type EngineEvents, scriptedBackend } from "./scripted-backend.ts";

/** Where the world's agents were paired. */
export const ORIGIN = "https://door.example";

/** PKCS #8 of an Ed25519 key up to its 32 bytes (RFC 8410). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** A paired machine: what outlives its processes. */
export interface Machine {
  id: string;
  privateKey: KeyObject;
  /** Base64url of the raw 32 bytes. */
  publicKey: string;
  /** Of its network card. */
  mac: string;
}

const machines = new Map<number, Machine>();

/** The n-th machine: the same in every run, since making keys is not what is tried here. */
export function machineOf(n: number): Machine {
  const known = machines.get(n) ?? makeMachine(n);
  machines.set(n, known);
  return known;
}

function makeMachine(n: number): Machine {
  const secret = new Uint8Array(32);
  new Random(n, "machine").fillBytes(secret);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, secret]), format: "der", type: "pkcs8" });
  const raw = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
  return { id: `agent-${n}`, privateKey, publicKey: raw.toString("base64url"), mac: `02:00:00:00:00:0${n}` };
}

/** What a machine keeps on its disk. */
export interface Disk {
  draining: boolean;
}

/** What a machine is to others: woken by them, and with a model that only it has. */
export interface Sleeping {
  isSleeper: boolean;
  /** It sends a packet to cards of its network. */
  onWake(macs: string[]): void;
}

const NETWORK = "192.168.1.0/24";

/** One life of an agent's process: the real link over the world's network, with a scripted engine behind it. */
export class AgentProcess {
  readonly machine: Machine;
  readonly process: Process;
  readonly busy: Busy = new Set();
  state: LinkState = { state: "offline", reason: "" };
  /** Set once a stop is complete: what is left of the process may be killed. */
  stopped = false;
  readonly #kernel: Kernel;
  readonly #disk: Disk;
  readonly #engine: EngineEvents;
  readonly #sleeping: Sleeping | undefined;
  #link: Link | undefined;

  constructor(options: {
    kernel: Kernel;
    random: Random;
    machine: Machine;
    disk: Disk;
    /** How many processes there were before it, and itself. */
    life: number;
    skewMs: number;
    engine: EngineEvents;
    sleeping: Sleeping | undefined;
  }) {
    const { kernel, random, machine } = options;
    this.#kernel = kernel;
    this.#disk = options.disk;
    this.#engine = options.engine;
    this.#sleeping = options.sleeping;
    this.machine = machine;
    this.process = kernel.spawn(`${machine.id}.${options.life}`, options.skewMs);
    kernel.plan(this.process, random.fraction() * 100, () => this.#start(random));
  }

  /** Stops as a person stops it; may run into a kill. */
  stop(drainMs: number): void {
    this.#kernel.plan(this.process, 0, () => {
      void this.#stop(drainMs);
    });
  }

  async #stop(drainMs: number): Promise<void> {
    await this.#link?.stop({ drainMs });
    this.stopped = true;
  }

  #start(random: Random): void {
    this.#link = createLink({
      tunnelUrl: "wss://door.example/tunnel",
      origin: ORIGIN,
      identity: this.#identity(),
      backend: scriptedBackend(this.#kernel, random, this.busy, this.#engine),
      status: () => this.#status(),
      onState: (state) => {
        this.state = state;
        this.#kernel.trace(`link is ${state.state}: ${state.reason}`);
      },
      onControl: (message) => {
        if (message.type === "wake") return this.#sleeping?.onWake(message.targets.map(({ mac }) => mac));
        if (message.type === "drain") this.#disk.draining = message.draining;
        // A trial takes a moment, and so does writing down.
        setTimeout(() => this.#link?.announce(), random.int(1, 100));
      },
    });
    this.#link.start();
  }

  #identity(): PairedIdentity {
    const { id, publicKey, privateKey } = this.machine;
    return {
      path: "",
      publicKey,
      // What virtual-crypto.ts signs with.
      privateKey: { key: privateKey } as unknown as PairedIdentity["privateKey"],
      pairing: { agentId: id, origin: ORIGIN, tunnelUrl: "wss://door.example/tunnel" },
    };
  }

  #status(): StatusMessage {
    return {
      type: "status",
      agentVersion: "0.0.0-sim",
      machine: { name: this.machine.id, os: "sim", arch: "sim", cpu: "sim", cores: 1, memoryBytes: 1 << 30 },
      slots: 2,
      draining: this.#disk.draining,
      health: { ok: true, checkedAt: Date.now() },
      models: [
        modelInfo(MODEL, "generate"),
        modelInfo(EMBED_MODEL, "embed"),
        ...(this.#sleeping?.isSleeper === true ? [modelInfo(OWN_MODEL, "generate")] : []),
      ],
      ...(this.#sleeping === undefined ? {} : { wake: [{ mac: this.machine.mac, network: NETWORK }] }),
    };
  }
}

function modelInfo(name: string, task: ModelInfo["task"]): ModelInfo {
  return {
    name,
    task,
    contextLength: CONTEXT_TOKENS,
    architecture: "scripted",
    quantization: "int4",
    parameters: 1,
    createdAt: 0,
    loaded: true,
  };
}
