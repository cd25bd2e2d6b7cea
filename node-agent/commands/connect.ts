import { PorchlightError } from "../../shared/errors.ts";
import { type Agent, startAgent } from "../agent/agent.ts";
import type { AgentSettings } from "../agent/messages.ts";
import { dataFolder } from "../data-folder.ts";
import type { LinkState } from "../link/link.ts";
import { VERSION } from "../version.ts";
import { CommandError } from "./command-error.ts";
import { interruption } from "./signals.ts";
import { StatusLine, say, showLoading, styled } from "./terminal.ts";

export interface ConnectFlags {
  /** The pairing link; absent: the edge this machine is paired with already. */
  url?: string;
  localPort: number;
  data?: string;
  settings: AgentSettings;
}

/** `porchlight connect`: serves an edge elsewhere until interrupted. */
export async function connect(flags: ConnectFlags): Promise<number> {
  const folder = dataFolder(flags.data);
  const interrupted = interruption();
  const status = new StatusLine();
  const refused = Promise.withResolvers<string>();
  const { url, localPort, settings } = flags;
  let agent: Agent | undefined;
  try {
    agent = await startAgent(
      {
        ...settings,
        localPort,
        identityFile: folder.remoteIdentity,
        localKeyFile: folder.localKey,
        modelsDir: folder.models,
        compiledDir: folder.compiled,
        agentVersion: VERSION,
      },
      {
        onLink: (link) => report(link, refused.resolve),
        onLoading: (model, fraction) => showLoading(status, model, fraction),
      },
    );
    if (url === undefined && !agent.paired) {
      const message =
        "This machine is not paired yet. Make a pairing link at your edge, then: porchlight connect https://EDGE/j/CODE";
      throw new CommandError("not_ready", message);
    }
    await agent.dial(undefined, url);
    say(`Model ${styled("bold", agent.model)} answers here. Ctrl-C stops it; the pairing stays.`);
    const reason = await Promise.race([interrupted, refused.promise]);
    if (reason !== undefined) throw new CommandError("not_ready", reason);
    return 0;
  } catch (error) {
    throw error instanceof PorchlightError
      ? new CommandError("request_failed", error.message, { cause: error })
      : error;
  } finally {
    await agent?.stop();
  }
}

function report(link: LinkState, refuse: (reason: string) => void): void {
  if (link.state === "online") say(styled("green", "Online."));
  if (link.state === "offline") say(styled("yellow", link.reason));
  if (link.state === "refused") refuse(link.reason);
}
