import { z } from "@hono/zod-openapi";
import { keepAliveSchema } from "../../inference/request.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 };
const LONGEST_MS = 2 ** 31 - 1;

/** A time as Go writes it ("1h30m", "-1s"), or a number of seconds without a unit. NaN for what is neither. */
function toMilliseconds(text: string): number {
  if (/^[-+]?\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const [, sign, parts = ""] = /^([-+]?)((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (parts === "") return Number.NaN;
  let sum = 0;
  for (const [, number, unit = ""] of parts.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  }
  return sign === "-" ? -sum : sum;
}

/** How long a model stays loaded, in the canonical request's milliseconds: seconds or a duration; what is negative is for ever. */
export const ollamaKeepAliveSchema = z
  .union([z.number(), z.string().max(64)])
  .transform((value, context) => {
    const ms = typeof value === "number" ? value * 1000 : toMilliseconds(value);
    const parsed = keepAliveSchema.safeParse(ms < 0 ? -1 : Math.min(Math.round(ms), LONGEST_MS));
    if (parsed.success) return parsed.data;
    context.addIssue({ code: "custom", message: "expected seconds, or a duration such as '5m'" });
    return z.NEVER;
  })
  .openapi({
    type: "string",
    description: "How long the model stays loaded after this: seconds, or a duration such as `5m`; -1 is for ever.",
    example: "5m",
  });
