import { z } from "zod";
import { approvalPolicySchema, pluginChoiceSchema } from "../inference/plugin-use.ts";
import { SESSION_LIMITS } from "./limits.ts";

/** How a conversation is held. What is absent is inherited: request, then session, then person, then the edge's configuration. */
export const sessionSettingsSchema = z.strictObject({
  /** The last turns that are sent to the model as they are. */
  window: z.number().int().min(1).max(SESSION_LIMITS.windowTurns).optional(),
  /** Whether what left the window goes along as a summary. */
  summary: z.enum(["auto", "off"]).optional(),
  /** Whether pieces of older turns go along when the question needs them. */
  retrieval: z.enum(["auto", "off"]).optional(),
  /** Whether facts that the person asked to have remembered go along. */
  memory: z.enum(["on", "off"]).optional(),
  /** Standing instructions: how the person wants to be answered. */
  instructions: z.string().max(SESSION_LIMITS.instructionCharacters).optional(),
  model: z.string().min(1).max(256).optional(),
  /** Most tokens of an answer. */
  maxTokens: z.number().int().min(1).max(1_000_000).optional(),
  temperature: z.number().min(0).max(2).optional(),
  /** Whose tools the model may call: `*` for all that the person has switched on, or plugins by their names. Absent: none. */
  plugins: z.union([z.literal("*"), z.array(pluginChoiceSchema).max(SESSION_LIMITS.plugins)]).optional(),
  /** Whether those of them that have knowledge are searched before each answer. Absent: off. */
  knowledge: z.enum(["on", "off"]).optional(),
  /** When a tool that writes or sends waits for the person's word. Absent: once the conversation has seen what strangers wrote. */
  approval: approvalPolicySchema.optional(),
  /** Most rounds of calls before the answer. Absent: 8. */
  toolRounds: z.number().int().min(1).max(SESSION_LIMITS.toolRounds).optional(),
});
export type SessionSettings = z.infer<typeof sessionSettingsSchema>;

/** Settings with nothing left to inherit, but for what the model decides by itself. */
export type ResolvedSettings = SessionSettings & {
  [Name in "window" | "summary" | "retrieval" | "memory"]: NonNullable<SessionSettings[Name]>;
};

const DEFAULTS = {
  window: SESSION_LIMITS.defaultWindowTurns,
  summary: "auto",
  retrieval: "auto",
  memory: "on",
} as const;

/** The settings that hold: of each, the first level that has it. `levels` begins with the nearest: the request's. */
export function resolveSettings(levels: readonly (SessionSettings | undefined)[]): ResolvedSettings {
  const present = levels.map((level) => Object.entries(level ?? {}).filter(([, value]) => value !== undefined));
  return Object.assign({ ...DEFAULTS }, ...present.map((entries) => Object.fromEntries(entries)).toReversed());
}
