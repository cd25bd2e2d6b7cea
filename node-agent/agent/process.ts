import { PorchlightError } from "../../shared/errors.ts";
import { endChild } from "../end-process.ts";
import { type Agent, startAgent } from "./agent.ts";
import { type FromAgent, type ToAgent, toAgentSchema } from "./messages.ts";

/** The agent as a child of `porchlight up`: driven over IPC, gone when its supervisor is. */

process.title = "porchlight-agent";
// Ctrl-C reaches the whole process group; the supervisor says when to stop.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("SIGTERM", () => void exit());
process.once("disconnect", () => void exit());
process.on("message", (raw) => void take(toAgentSchema.parse(raw)));

let agent: Promise<Agent> | undefined;
tell({ type: "up" });

async function take(message: ToAgent): Promise<void> {
  try {
    switch (message.type) {
      case "start": {
        agent ??= startAgent(message.options, {
          onLink: (link) => tell({ type: "link", ...link }),
          onLoading: (model, fraction) => tell({ type: "loading", model, fraction }),
        });
        const { paired, localUrl, model } = await agent;
        return tell({ type: "started", paired, localUrl, model });
      }
      case "dial":
        return await (await agent)?.dial(message.origin, message.enrolUrl);
      case "stop":
        return await exit();
    }
  } catch (error) {
    const { code } = PorchlightError.from(error);
    // For the owner's terminal: what no client may see (a path, the system's own words) is what they need here.
    const sentence = error instanceof Error ? error.message : String(error);
    const failed = { type: "failed", code, message: sentence } as const;
    // An agent that did not start is of no more use: where one ran before, the supervisor tries again with the next.
    tell(failed, message.type === "start" ? () => void exit() : undefined);
  }
}

async function exit(): Promise<never> {
  await agent?.then((running) => running.stop()).catch(() => undefined); // a failed start was reported when it happened
  endChild();
}

function tell(message: FromAgent, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, {}, sent);
}
