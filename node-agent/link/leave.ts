import { signLeave } from "../../shared/protocol/signatures.ts";
import { post, refusal } from "./edge-request.ts";
import type { PairedIdentity } from "./identity.ts";

/** Has the edge remove this machine. Throws PorchlightError; `agent_unknown` where it does not know the machine (any more). */
export async function leave({ privateKey, pairing }: PairedIdentity): Promise<void> {
  const { origin, agentId } = pairing;
  const time = Date.now();
  const signature = await signLeave(privateKey, { origin, agentId, time });
  const answer = await post(`${origin}/api/agents/${encodeURIComponent(agentId)}/leave`, { time, signature });
  if (!answer.ok) throw refusal(origin, answer, "remove this machine");
}
