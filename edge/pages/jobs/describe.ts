import { format } from "../i18n/format.ts";
import type { Strings } from "../i18n/index.ts";

/** The words for jobs, in one language, with the API's sentences. */
export type JobStrings = Strings["jobs"] & { errors: Strings["errors"]; locale: string };

/** What of a job changes while one looks: on the page and in its script alike. */
export interface LiveJob {
  id: string;
  state: keyof Strings["jobs"]["states"];
  position: number | null;
  estimatedStart: string | null;
  progress: { stage: keyof Strings["jobs"]["stages"]; pieces: number } | null;
  attempts: number;
  error: { code: string; message: string } | null;
  endedAt: string | null;
}

/** One try to deliver a message. */
export interface LiveTry {
  status: number | null;
  failure: keyof Strings["jobs"]["failures"] | null;
}

/** What of a webhook changes. */
export interface LiveWebhook {
  id: string;
  deliveries: readonly { state: keyof Strings["jobs"]["deliveryStates"]; tries: readonly LiveTry[] }[];
}

export const LIVE_PARTS = ["place", "start", "progress", "attempts", "why"] as const;
export type LivePart = (typeof LIVE_PARTS)[number];

/** Nearer than this it starts "soon". */
const SOON_MS = 10_000;

/** Texts by the part of the row that shows them; an empty one is not shown. */
export function describeJob(job: LiveJob, text: JobStrings, nowMs: number): Record<LivePart, string> {
  const { state, position, progress, attempts } = job;
  const isQueued = state === "queued";
  return {
    place: isQueued && position !== null ? format(text.place, { n: position }) : "",
    start: isQueued ? startOf(job, text, nowMs) : "",
    progress:
      state === "running" && progress !== null ? format(text.stages[progress.stage], { n: progress.pieces }) : "",
    attempts: attempts > 1 ? format(text.attempts, { n: attempts }) : "",
    why: job.error === null ? "" : whyOf(job.error, isQueued, text),
  };
}

/** The one word for how it stands, and its colour. */
export function standing({ state }: LiveJob, text: JobStrings): { state: "on" | "off" | "wait"; label: string } {
  const label = text.states[state];
  if (state === "queued" || state === "running") return { state: "wait", label };
  return { state: state === "completed" ? "on" : "off", label };
}

function startOf({ estimatedStart }: LiveJob, text: JobStrings, nowMs: number): string {
  if (estimatedStart === null) return text.startsUnknown;
  const inMs = Date.parse(estimatedStart) - nowMs;
  if (inMs < SOON_MS) return text.startsSoon;
  const relative = new Intl.RelativeTimeFormat(text.locale, { numeric: "always" });
  const [n, unit] =
    inMs < 90_000
      ? [inMs / 1000, "second" as const]
      : inMs < 5400_000
        ? [inMs / 60_000, "minute" as const]
        : [inMs / 3600_000, "hour" as const];
  return format(text.starts, { when: relative.format(Math.round(n), unit) });
}

/** How the last message to a receiver went, in words. */
export function lastDelivery({ deliveries }: LiveWebhook, text: JobStrings): string {
  const [last] = deliveries;
  if (last === undefined) return text.noDeliveries;
  if (last.state === "delivered") return text.lastDelivered;
  const why = describeTry(last.tries.at(-1), text);
  return format(last.state === "failed" ? text.lastFailed : text.lastPending, { why });
}

export function describeTry(last: LiveTry | undefined, text: JobStrings): string {
  if (last === undefined) return text.notTried;
  return last.failure === null
    ? String(last.status ?? "")
    : format(text.failures[last.failure], { status: last.status ?? "" });
}

/** What it waits for, or why it failed. */
function whyOf({ code, message }: NonNullable<LiveJob["error"]>, isQueued: boolean, text: JobStrings): string {
  const waits = isQueued ? translated(text.waits, code) : undefined;
  return waits ?? translated(text.errors, code) ?? message;
}

function translated(errors: Readonly<Record<string, string>> | null, code: string): string | undefined {
  return Object.entries(errors ?? {}).find(([name]) => name === code)?.[1];
}
