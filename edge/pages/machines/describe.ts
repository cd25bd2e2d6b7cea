import { format } from "../i18n/format.ts";

/** What of a machine changes while one looks: on the page and in its script alike. */
export interface LiveAgent {
  online: boolean;
  draining: boolean;
  healthy: boolean;
  health: { ok: boolean; reason?: string | undefined } | null;
  wakeable: boolean;
  running: number;
  speed: { model: string; tokensPerSecond: number } | null;
  models: readonly { name: string }[];
  version: string | null;
}

/** The words for it, in one language. */
export interface LiveStrings {
  online: string;
  offline: string;
  draining: string;
  sick: string;
  trial: string;
  noReason: string;
  idle: string;
  running: string;
  speed: string;
  models: string;
  noModels: string;
  version: string;
}

/** Texts by the part of the row that shows them; an empty one is not shown. */
export function describeAgent(agent: LiveAgent, text: LiveStrings): Record<LivePart, string> {
  const { online, running, speed, models, version, health } = agent;
  const names = models.map(({ name }) => name).join(", ");
  const perSecond = speed === null ? "" : speed.tokensPerSecond.toFixed(speed.tokensPerSecond < 10 ? 1 : 0);
  return {
    trial: online && health?.ok === false ? format(text.trial, { reason: health.reason ?? text.noReason }) : "",
    load: !online ? "" : running === 0 ? text.idle : format(text.running, { n: running }),
    speed: speed === null ? "" : format(text.speed, { n: perSecond, model: speed.model }),
    models: format(text.models, { models: names === "" ? text.noModels : names }),
    version: version === null ? "" : format(text.version, { version }),
  };
}

/** The one word for how it stands. */
export function standing({ online, draining, healthy }: LiveAgent, text: LiveStrings): Standing {
  if (!online) return { state: "off", label: draining ? text.draining : text.offline };
  if (draining) return { state: "wait", label: text.draining };
  return healthy ? { state: "on", label: text.online } : { state: "wait", label: text.sick };
}

export interface Standing {
  state: "on" | "off" | "wait";
  label: string;
}

export const LIVE_PARTS = ["trial", "load", "speed", "models", "version"] as const;
export type LivePart = (typeof LIVE_PARTS)[number];
