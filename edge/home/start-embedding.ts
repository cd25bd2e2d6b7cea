import { PorchlightError } from "../../shared/errors.ts";
import type { Demand, Placement } from "./dispatch/dispatcher.ts";
import { OutcomeReader } from "./dispatch/outcome-reader.ts";
import type { GenerateJob } from "./generate-job.ts";
import type { Quotas, Ticket } from "./quota/quotas.ts";
import { type RelayObserver, relayEvents } from "./relay.ts";
import type { Opened, StreamOpener } from "./stream-opener.ts";

/**
 * Starts an embedding on an agent that has the model, and relays its lines. It ends at once when the signal aborts. Limits are looked at
 * before any agent is. Throws PorchlightError.
 */
export function startEmbedding(
  job: GenerateJob,
  signal: AbortSignal,
  at: { quotas: Quotas; opener: StreamOpener; worstTokens(demand: Demand): number },
): Response {
  const { requestId, model, body, caller } = job;
  const demand: Demand = { ...job, bodyBytes: body.length };
  const ticket = at.quotas.start({ caller, model, bodyBytes: body.length, worstTokens: at.worstTokens(demand) });
  const { stream, placement } = open(at.opener, ticket, demand, requestId);
  ticket.onRevoked(() => stream.reset(new PorchlightError("invalid_api_key").toWire()));
  stream.write(body).catch(() => undefined); // It fails when the stream is lost: then its reader has the error.
  stream.end();
  return new Response(relayEvents(stream, signal, observe(at.opener, ticket, placement)), { headers: ticket.headers });
}

function open(opener: StreamOpener, ticket: Ticket, demand: Demand, requestId: string): Opened {
  try {
    return opener.openFirst(demand, { kind: "embed", requestId });
  } catch (error) {
    ticket.cancel();
    throw error;
  }
}

/** Both read along: who counts what was used, and who learns how fast the machine is. */
function observe(opener: StreamOpener, ticket: Ticket, placement: Placement): RelayObserver {
  const outcome = new OutcomeReader();
  return {
    read: (bytes) => {
      ticket.read(bytes);
      outcome.read(bytes);
    },
    settle: (lost) => {
      ticket.settle(lost);
      if (placement.end(outcome.outcome(lost))) opener.check(placement.agentId);
    },
  };
}
