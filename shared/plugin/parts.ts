import { z } from "zod";
import { PorchlightError } from "../errors.ts";

/** What the host calls of a plugin beside its tools. No model calls these. */
export const CALLED_PARTS = ["webhook", "beforeTurn", "afterTurn", "knowledge", "schedule"] as const;
export type CalledPart = (typeof CALLED_PARTS)[number];

const partSchema = z.discriminatedUnion("part", [
  z.strictObject({ part: z.enum(["webhook", "beforeTurn", "afterTurn", "knowledge"]) }),
  /** Five fields of cron: when it wants to run. */
  z.strictObject({ part: z.literal("schedule"), every: z.string().min(1).max(100) }),
]);

/** Something that a plugin has beside its tools. */
export type PluginPart = z.infer<typeof partSchema>;

/** Whether an entry of what a plugin says of itself is a part: the others are tools. */
export function isPart(entry: unknown): boolean {
  return typeof entry === "object" && entry !== null && "part" in entry;
}

/** The word of untrusted code. Throws PorchlightError `plugin_invalid`. */
export function parseParts(entries: readonly unknown[]): PluginPart[] {
  const parsed = z.array(partSchema).max(5).safeParse(entries);
  const parts = parsed.data ?? [];
  if (parsed.success && new Set(parts.map(({ part }) => part)).size === parts.length) return parts;
  const issue = parsed.error?.issues[0];
  const why = issue === undefined ? "one stands there twice" : `${issue.path.join(".")}: ${issue.message}`;
  throw new PorchlightError("plugin_invalid", `What the plugin has beside its tools is not understood: ${why}`);
}

/** As calls name a part: no tool can have such a name. */
export function partCall(part: CalledPart): string {
  return `on:${part}`;
}

/** The part that a call names, if it names one. */
export function calledPart(name: string): CalledPart | undefined {
  return CALLED_PARTS.find((part) => partCall(part) === name);
}
