import type { AgentView } from "../../../../edge/home/dispatch/candidates.ts";
import type { ModelInfo } from "../../../../shared/inference/model.ts";
import type { StatusMessage } from "../../../../shared/protocol/messages.ts";
import { STARTER, statusOf } from "../../support/agent.ts";

/** A machine as dispatch sees it: online, in service, healthy, with the starter model, unless it says otherwise. */
export function view(id: string, change: Partial<AgentView> = {}, status: Partial<StatusMessage> = {}): AgentView {
  return {
    id,
    online: true,
    draining: false,
    healthy: true,
    status: { ...statusOf([STARTER]), slots: 4, ...status },
    ...change,
  };
}

export function model(change: Partial<ModelInfo> = {}): ModelInfo {
  return { ...STARTER, ...change };
}

/** A clock that stands still until it is moved. */
export function clock(): { now: () => number; forward(ms: number): void } {
  let nowMs = 1_800_000_000_000;
  return {
    now: () => nowMs,
    forward: (ms) => {
      nowMs += ms;
    },
  };
}
