import { fingerprintOf } from "../../shared/protocol/fingerprint.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { Speed } from "../../shared/protocol/messages.ts";
import { type Agent, startAgent } from "../agent/agent.ts";
import type { AgentSettings } from "../agent/messages.ts";
import { type DataFolder, dataFolder } from "../data-folder.ts";
import { type Hardware, probeHardware } from "../hardware/probe.ts";
import { enrolByDevice } from "../link/device-flow.ts";
import { requireSafe } from "../link/edge-request.ts";
import { enrol } from "../link/enrol.ts";
import { loadIdentity, savePairing } from "../link/identity.ts";
import type { LinkState } from "../link/link.ts";
import { VERSION } from "../version.ts";
import { CommandError } from "./command-error.ts";
import { pullFitting } from "./connect-pull.ts";
import { formatBytes } from "./models-units.ts";
import { showDeviceCode } from "./show-device-code.ts";
import { GRACE_MS, impatience, interruption } from "./signals.ts";
import { StatusLine, say, showLoading, styled } from "./terminal.ts";

export interface ConnectFlags {
  /** A pairing link, or the address of an edge; absent: the edge this machine is paired with already. */
  url?: string;
  localPort: number;
  data?: string;
  settings: AgentSettings;
  /** Whether to pull the smallest model that is of use, if only the starter is here. */
  pull: boolean;
}

/** `porchlight connect`: pairs if it was given an address, then serves that edge until interrupted. */
export async function connect(flags: ConnectFlags): Promise<number> {
  const folder = dataFolder(flags.data);
  const interrupted = interruption();
  const status = new StatusLine();
  const refused = Promise.withResolvers<string>();
  const hardware = probeHardware();
  let agent: Agent | undefined;
  try {
    if (!(await pair(flags.url, folder, hardware, interrupted))) return 130;
    if (flags.pull) await pullFitting(folder, hardware);
    agent = await startAgent(
      {
        ...flags.settings,
        localPort: flags.localPort,
        identityFile: folder.remoteIdentity,
        archiveDir: folder.remoteArchive,
        pluginsDir: folder.plugins,
        mcpFile: folder.mcp,
        marketFile: folder.remoteMarket,
        localKeyFile: folder.localKey,
        modelsDir: folder.models,
        compiledDir: folder.compiled,
        runningFile: folder.remoteAgent,
        machineFile: folder.machine,
        settingsFile: folder.settings,
        givenAtMs: Date.now(),
        canary: true,
        agentVersion: VERSION,
      },
      {
        onLink: (link) => report(link, refused.resolve),
        onLoading: (model, fraction) => showLoading(status, model, fraction),
        onTried: (speed) => say(tried(speed)),
      },
    );
    await agent.dial(undefined);
    say(`Model ${styled("bold", agent.model)} answers here. Ctrl-C stops it; the pairing stays.`);
    const reason = await Promise.race([interrupted, refused.promise]);
    if (reason !== undefined) throw new CommandError("not_ready", reason);
    return 0;
  } catch (error) {
    throw error instanceof PorchlightError
      ? new CommandError("request_failed", error.message, { cause: error })
      : error;
  } finally {
    await leave(agent);
  }
}

/** Answers under way may go on for a while; no new ones come. */
async function leave(agent: Agent | undefined): Promise<void> {
  const serving = agent?.serving() ?? 0;
  if (serving > 0)
    say(`Stopping; under way: ${serving}, with ${GRACE_MS / 1000} s to end. Ctrl-C again does not wait.`);
  await agent?.stop({ drainMs: GRACE_MS, hurry: impatience() });
}

/** Pairs by the link or through the device flow; returns whether it was not interrupted. Throws CommandError where there is nothing to serve. */
async function pair(
  address: string | undefined,
  folder: DataFolder,
  hardware: Hardware,
  interrupted: Promise<void>,
): Promise<boolean> {
  const identity = await loadIdentity(folder.remoteIdentity);
  const { name, os, arch } = hardware;
  if (address === undefined) {
    if (identity.pairing !== undefined) return true;
    const message =
      "This machine is not paired yet. Make a pairing link at your edge, then: porchlight connect https://EDGE/j/CODE " +
      "(or porchlight connect https://EDGE, and type in the code there that it shows).";
    throw new CommandError("not_ready", message);
  }
  const origin = edgeOrigin(address);
  if (origin === undefined) {
    await savePairing(identity, await enrol({ url: address, identity, name }));
  } else {
    const stop = new AbortController();
    void interrupted.then(() => stop.abort());
    const fingerprint = await fingerprintOf(identity.publicKey);
    try {
      const onCode = (code: Parameters<typeof showDeviceCode>[0]) => showDeviceCode(code, fingerprint);
      const system = `${os} ${arch}`;
      await savePairing(identity, await enrolByDevice({ origin, identity, name, system, onCode, signal: stop.signal }));
    } catch (error) {
      if (stop.signal.aborted) return false;
      throw error;
    }
  }
  const { cpu, memory } = hardware;
  say(
    `${styled("green", "✓")} Paired as ${styled("bold", name)}: ${cpu.model}, ${cpu.cores} cores, ${formatBytes(memory.totalBytes)} of memory.`,
  );
  return true;
}

/** The origin of an address without a path; undefined for any other, such as a pairing link. Throws for one that is not safe. */
function edgeOrigin(address: string): string | undefined {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/") return undefined;
  requireSafe(url);
  return url.origin;
}

function tried(speed: Speed | undefined): string {
  const tick = styled("green", "✓");
  if (speed === undefined) return `${tick} The model answers.`;
  return `${tick} ${speed.model} answers with ${speed.tokensPerSecond} tokens/s.`;
}

function report(link: LinkState, refuse: (reason: string) => void): void {
  if (link.state === "online") say(styled("green", "Online."));
  if (link.state === "offline") say(styled("yellow", link.reason));
  if (link.state === "refused") refuse(link.reason);
}
