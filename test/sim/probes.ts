import { createSession as createReal } from "../../shared/protocol/session.ts";
import type { Session, SessionOptions } from "../../shared/protocol/types.ts";
import { currentWorld } from "./kernel/globals.ts";
import type { Process } from "./kernel/kernel.ts";

export * from "../../shared/protocol/session.ts";

/** A session that product code made, with what the checks look at. */
export interface ProbedSession {
  session: Session;
  role: "edge" | "agent";
  process: Process;
  connectionCreditBytes: number;
  /** Its transport is gone. */
  over: boolean;
  /** What it may send now. */
  sendCreditBytes(): number;
}

let sessions: ProbedSession[] = [];

/** Sessions whose process lives and whose transport is there. */
export function liveSessions(): readonly ProbedSession[] {
  if (sessions.some(isGone)) sessions = sessions.filter((one) => !isGone(one));
  return sessions;
}

export function forgetSessions(): void {
  sessions = [];
}

function isGone({ over, process }: ProbedSession): boolean {
  return over || !process.alive;
}

/** In the place of the module's own (see loader.ts): makes a real session, and remembers it. */
export function createSession(options: SessionOptions): Session {
  const session = createReal(options);
  // The class has it as a public field for its streams; the interface that the product uses does not.
  const { sendCredit } = session as unknown as { sendCredit: { available: number } };
  const probed: ProbedSession = {
    session,
    role: options.role,
    process: currentWorld().current,
    connectionCreditBytes: options.limits.connectionCreditBytes,
    over: false,
    sendCreditBytes: () => sendCredit.available,
  };
  const lost = session.lost.bind(session);
  session.lost = () => {
    probed.over = true;
    lost();
  };
  sessions.push(probed);
  return session;
}
