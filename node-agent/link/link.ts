import { setTimeout as sleep } from "node:timers/promises";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { isRetriedClose } from "../../shared/protocol/close-codes.ts";
import {
  ARCHIVE_FEATURE,
  BACKUP_KEY_FEATURE,
  MCP_FEATURE,
  PLUGINS_FEATURE,
  RUNS_FEATURE,
  type Welcome,
} from "../../shared/protocol/handshake.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import type { ControlMessage, StatusMessage } from "../../shared/protocol/messages.ts";
import type { ProtocolStream, Session } from "../../shared/protocol/types.ts";
import type { ArchiveKeeper } from "../archive/keeper.ts";
import type { McpServers } from "../mcp/mcp-servers.ts";
import type { PluginHost } from "../plugins/serve-plugin.ts";
import { Backoff, type BackoffTiming } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { HeartbeatTiming } from "./heartbeat.ts";
import type { PairedIdentity } from "./identity.ts";
import { Runs } from "./runs/runs.ts";
import { serve } from "./serve.ts";
import { fitStatus } from "./status.ts";

/** How the link stands. `offline` dials again by itself; `refused` does not, and `reason` says what a person has to do. */
export interface LinkState {
  state: "offline" | "online" | "refused";
  reason: string;
}

export type LinkTiming = BackoffTiming & HeartbeatTiming & { handshakeTimeoutMs: number };

export interface LinkOptions {
  /** Where to dial and which origin to sign for: those of the pairing, or of the edge that runs on this machine. */
  tunnelUrl: string;
  origin: string;
  identity: PairedIdentity;
  backend: InferenceBackend;
  /** The conversations that this machine keeps; absent: none. */
  archive?: ArchiveKeeper | undefined;
  /** Absent: this machine runs no plugins. */
  plugins?: PluginHost | undefined;
  /** Absent: this machine has no servers of MCP. */
  mcp?: McpServers | undefined;
  /** What to announce, asked for each time. */
  status(): StatusMessage;
  /** Called on every change. Must not throw. */
  onState(state: LinkState): void;
  /** What the edge asks of the machine. Must not throw. */
  onControl?(message: ControlMessage): void;
  /** In place of the protocol's times. */
  timing?: Partial<LinkTiming>;
}

/** What a stop leaves to answers that are nearly done, where nobody says otherwise. */
const DRAIN_MS = 250;
/** What the edge is told then. */
const LEAVING = "The agent stops.";

/** How a link, or what has one, is stopped. */
export interface StopOptions {
  /** How long answers may go on that are under way. */
  drainMs?: number;
  /** Ends that wait. */
  hurry?: AbortSignal;
}

export function createLink(options: LinkOptions): Link {
  return new Link(options);
}

/** Keeps one tunnel to the edge: dials, serves what the edge asks, dials again when it breaks. */
export class Link {
  readonly #options: LinkOptions;
  readonly #timing: LinkTiming;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  readonly #serving = new Set<Promise<void>>();
  readonly #runs: Runs;
  #leaving = false;
  #connection: Connection | undefined;
  #session: Session | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#timing = { ...PROTOCOL_LIMITS, ...options.timing };
    this.#backoff = new Backoff(this.#timing);
    this.#runs = new Runs(options.backend);
  }

  /** Begins to dial. A link starts once. */
  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Tells the edge to send nothing new, lets answers finish for a while, closes with 1000, and resolves when nothing of the link is left.
   */
  async stop({ drainMs = DRAIN_MS, hurry }: StopOptions = {}): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#leaving = true;
      this.#session?.goAway(LEAVING);
      // Offline nobody takes what they say. What is cut off goes on once this machine is back.
      if (this.#session !== undefined) await Promise.race([this.#idle(), waited(drainMs, hurry)]);
      this.#stopping.abort();
      this.#runs.stop();
      this.#connection?.close();
    }
    await this.#running;
  }

  /** Requests that are being answered. */
  get serving(): number {
    return this.#serving.size;
  }

  /** Tells the edge the status again; does nothing while offline (it is told anyway on coming back). */
  announce(): void {
    this.#session?.control(fitStatus(this.#options.status()));
  }

  /** Dials anew: what the agent can do is said while dialling. What is under way goes on over the new connection. */
  redial(): void {
    this.#connection?.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#connection = this.#dial();
      const { code, reason, healthyMs } = await this.#connection.ended;
      this.#session = undefined;
      if (signal.aborted) {
        this.#options.onState({ state: "offline", reason: "The agent stops." });
        return;
      }
      if (!isRetriedClose(code)) {
        this.#runs.stop();
        this.#options.onState({ state: "refused", reason });
        return;
      }
      this.#options.onState({ state: "offline", reason });
      // An aborted wait is a stop, which the loop's condition sees.
      const waitMs = this.#backoff.nextMs(code, healthyMs, this.#runs.size > 0);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #dial(): Connection {
    const { tunnelUrl, origin, identity, archive, plugins, mcp } = this.#options;
    const { agentVersion } = this.#options.status();
    return new Connection({
      tunnelUrl,
      claims: {
        agentId: identity.pairing.agentId,
        origin,
        privateKey: identity.privateKey,
        features: featuresOf(archive, plugins, mcp),
        agentVersion,
      },
      timing: this.#timing,
      onStream: (stream, welcome) => this.#serve(stream, keepsRuns(welcome)),
      onControl: (message) => {
        if (!this.#runs.control(message)) this.#options.onControl?.(message);
      },
      onWelcome: (session, welcome) => {
        this.#session = session;
        if (this.#leaving) session.goAway(LEAVING);
        this.announce();
        if (keepsRuns(welcome)) session.control(this.#runs.announcement());
        this.#options.onState({ state: "online", reason: `Connected to ${origin}.` });
      },
    });
  }

  /** Resolves when nothing is being answered, whatever came meanwhile. */
  async #idle(): Promise<void> {
    while (this.#serving.size > 0) await Promise.all(this.#serving);
  }

  #serve(stream: ProtocolStream, keeps: boolean): void {
    const { backend, archive, plugins, mcp } = this.#options;
    const options = { backend, archive, plugins, mcp, runs: this.#runs, keeps };
    const served = serve(stream, options).finally(() => this.#serving.delete(served));
    this.#serving.add(served);
  }
}

/** What this agent can do beyond the protocol's first version. */
function featuresOf(
  archive: ArchiveKeeper | undefined,
  plugins: PluginHost | undefined,
  mcp: McpServers | undefined,
): string[] {
  const features: string[] = [RUNS_FEATURE];
  if (plugins !== undefined) features.push(PLUGINS_FEATURE);
  if (mcp !== undefined) features.push(MCP_FEATURE);
  if (archive !== undefined) features.push(ARCHIVE_FEATURE);
  if (archive?.hasBackupKey === true) features.push(BACKUP_KEY_FEATURE);
  return features;
}

/** Resolves after this time, or when somebody is in a hurry. */
async function waited(ms: number, hurry: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { ref: false, ...(hurry ? { signal: hurry } : {}) }).catch(() => undefined);
}

function keepsRuns(welcome: Welcome): boolean {
  return welcome.features?.includes(RUNS_FEATURE) === true;
}
