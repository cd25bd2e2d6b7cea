import type { Plant } from "./loader.ts";

/** A bug that the simulator must find, put into the product's text as it is loaded. */
export interface PlantedBug {
  what: string;
  changes: readonly Plant[];
}

export const PLANTS: Record<string, PlantedBug> = {
  "lost-credit": {
    what: "Bytes that cross a RESET are not granted back to the connection.",
    changes: [
      {
        file: "shared/protocol/session.ts",
        find: "    this.consumed(frame.payload.length);\n    const forgotten",
        replace: "    const forgotten",
      },
    ],
  },
  "two-generations": {
    what: "A machine that comes again does not replace its older connection.",
    changes: [
      {
        file: "edge/home/tunnels.ts",
        find: "if (older.agentId === agentId) this.close(",
        replace: "if (older.agentId === agentId && older.generation > generation) this.close(",
      },
    ],
  },
  "late-revocation": {
    what: "A machine that is revoked while it dials comes in.",
    changes: [
      {
        file: "edge/home/home.ts",
        find: "if (agent?.revokedAt === null) return true;",
        replace: "if (agent !== undefined) return true;",
      },
    ],
  },
  "forgotten-pace": {
    what: "An eviction forgets how many requests a key has made within the minute.",
    changes: [
      {
        file: "edge/home/quota/pace.ts",
        find: "const bySecond = row ? ",
        replace: "const bySecond = row?.[0] ? ",
      },
    ],
  },
  "doubled-lines": {
    what: "An agent sends all lines that it keeps, not only those that are asked for.",
    changes: [
      {
        file: "node-agent/link/runs/kept-run.ts",
        find: "this.#lines.slice(from - this.#first)",
        replace: "this.#lines.slice(0)",
      },
    ],
  },
  "told-once": {
    what: "A webhook that fails is not tried again.",
    changes: [
      {
        file: "edge/webhooks/delivery.ts",
        find: `ok ? "delivered" : at.nextMs === undefined ? "failed" : "pending"`,
        replace: `ok ? "delivered" : "failed"`,
      },
    ],
  },
  "removed-receiver": {
    what: "A receiver of webhooks that was removed is told all the same.",
    changes: [
      {
        file: "edge/webhooks/receiver.ts",
        find: "DELETE FROM webhook_receivers WHERE id = ?",
        replace: "DELETE FROM webhook_receivers WHERE id = ? AND 1 = 0",
      },
    ],
  },
  "sleeps-on": {
    what: "A machine that sleeps is woken for nobody.",
    changes: [
      {
        file: "edge/home/dispatch/waker.ts",
        find: "!agent.online && !agent.draining && agent.status.wake",
        replace: "agent.online && !agent.draining && agent.status.wake",
      },
    ],
  },
  "second-end": {
    what: "A job that has ended can end again.",
    changes: [
      {
        file: "edge/home/jobs/job-table.ts",
        find: "WHERE id = ? AND state IN ('queued', 'running') AND (?5 IS NULL OR run_id = ?5) RETURNING *",
        replace: "WHERE id = ? AND (?5 IS NULL OR run_id = ?5) RETURNING *",
      },
    ],
  },
};
