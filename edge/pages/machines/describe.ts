import { format } from "../i18n/format.ts";

/** What of a machine changes while one looks: on the page and in its script alike. */
export interface LiveAgent {
  online: boolean;
  running: number;
  speed: { model: string; tokensPerSecond: number } | null;
  models: readonly { name: string }[];
  version: string | null;
}

/** The words for it, in one language. */
export interface LiveStrings {
  online: string;
  offline: string;
  idle: string;
  running: string;
  speed: string;
  models: string;
  noModels: string;
  version: string;
}

/** Texts by the part of the row that shows them; an empty one is not shown. */
export function describeAgent(agent: LiveAgent, text: LiveStrings): Record<LivePart, string> {
  const { online, running, speed, models, version } = agent;
  const names = models.map(({ name }) => name).join(", ");
  const perSecond = speed === null ? "" : speed.tokensPerSecond.toFixed(speed.tokensPerSecond < 10 ? 1 : 0);
  return {
    load: !online ? "" : running === 0 ? text.idle : format(text.running, { n: running }),
    speed: speed === null ? "" : format(text.speed, { n: perSecond, model: speed.model }),
    models: format(text.models, { models: names === "" ? text.noModels : names }),
    version: version === null ? "" : format(text.version, { version }),
  };
}

export const LIVE_PARTS = ["load", "speed", "models", "version"] as const;
export type LivePart = (typeof LIVE_PARTS)[number];
