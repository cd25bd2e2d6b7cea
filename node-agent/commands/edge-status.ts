import type { EdgeRunning } from "../edge/edge-running.ts";
import { duration } from "./duration.ts";
import { styled } from "./terminal.ts";

const CERTIFICATE_SOON_MS = 14 * 86_400_000;

/** The lines of `porchlight status` about the edge that `porchlight edge` runs, or ran, here. */
export function describeEdge(edge: EdgeRunning & { alive: boolean }, nowMs = Date.now()): string[] {
  const { origin, pid, restarts, lastFailure, certificate, setupUrl } = edge;
  const failure = lastFailure === null ? "" : `, the last at ${lastFailure.at}: ${lastFailure.reason}`;
  const lines = [row("Edge here", `${origin}, ${stateOf(edge)}`)];
  if (edge.alive)
    lines.push(row("", `up since ${edge.startedAt} (${duration(nowMs - Date.parse(edge.startedAt))}), process ${pid}`));
  if (restarts > 0 || lastFailure !== null) lines.push(row("", styled("yellow", `restarts: ${restarts}${failure}`)));
  if (certificate) lines.push(row("", describeCertificate(certificate, nowMs)));
  if (setupUrl !== undefined && edge.alive) lines.push(row("", `not set up yet: ${setupUrl}`));
  return lines;
}

function stateOf({ state, alive, origin }: EdgeRunning & { alive: boolean }): string {
  if (state === "gave_up") return styled("red", "stopped: it kept failing. Start it: porchlight edge");
  if (!alive) return styled("red", `its process was killed. Start it: porchlight edge --origin ${origin}`);
  return state === "online" ? styled("green", "serving") : styled("yellow", state);
}

function describeCertificate({ endsAt, problem }: NonNullable<EdgeRunning["certificate"]>, nowMs: number): string {
  const leftMs = Date.parse(endsAt) - nowMs;
  const until = `certificate good until ${endsAt.slice(0, 10)}`;
  const shown = leftMs < CERTIFICATE_SOON_MS ? styled("yellow", `${until} (${duration(leftMs)} left)`) : until;
  return problem === null ? shown : `${shown}; ${styled("yellow", problem)}`;
}

function row(label: string, text: string): string {
  return `${label.padEnd(10)}${text}`;
}
