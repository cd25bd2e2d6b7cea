import { readFile } from "node:fs/promises";
import { z } from "zod";
import { writePrivateFile } from "../data-folder.ts";
import { type AgentOptions, agentSettingsSchema } from "./messages.ts";

/** How models are run: what can change while they are. */
export const runSettingsSchema = agentSettingsSchema.pick({
  model: true,
  quantization: true,
  provider: true,
  memoryBytes: true,
  contextLength: true,
  keepAliveMs: true,
  kvDiskBytes: true,
  draft: true,
  threads: true,
});
export type RunSettings = z.infer<typeof runSettingsSchema>;

const settingSchema = runSettingsSchema.keyof();
type Setting = z.infer<typeof settingSchema>;

/** What is to be another; those of `unset` become what they are when nobody chooses. */
export const settingsChangeSchema = z.strictObject({
  set: runSettingsSchema.strict().default({}),
  unset: z.array(settingSchema).max(32).default([]),
});
export type SettingsChange = z.infer<typeof settingsChangeSchema>;

/** What `porchlight set` chose, for every agent on the data folder. */
const fileSchema = z.object({
  values: runSettingsSchema.default({}),
  /** Unix time in milliseconds: when each was set, or unset. */
  chosenAtMs: z.partialRecord(settingSchema, z.number()).default({}),
});
export type SavedSettings = z.infer<typeof fileSchema>;

/** A file that is missing or broken chooses nothing. */
export async function readSavedSettings(file: string): Promise<SavedSettings> {
  const text = await readFile(file, "utf8").catch(() => "{}");
  const parsed = fileSchema.safeParse(parse(text));
  return parsed.success ? parsed.data : fileSchema.parse({});
}

/** What an agent begins with. */
export async function readSettings(options: AgentOptions): Promise<RunSettings> {
  const { settingsFile, givenAtMs = 0 } = options;
  const saved = settingsFile === undefined ? fileSchema.parse({}) : await readSavedSettings(settingsFile);
  return settingsNow(runSettingsSchema.parse(options), givenAtMs, saved);
}

/** Writes a change down. */
export async function saveSettings(file: string, change: SettingsChange, nowMs = Date.now()): Promise<void> {
  const { values, chosenAtMs } = await readSavedSettings(file);
  const names = [...settingSchema.options.filter((name) => change.set[name] !== undefined), ...change.unset];
  const times = Object.fromEntries(names.map((name) => [name, nowMs]));
  const saved: SavedSettings = { values: applyChange(values, change), chosenAtMs: { ...chosenAtMs, ...times } };
  await writePrivateFile(file, `${JSON.stringify(saved)}\n`);
}

export function applyChange(settings: RunSettings, { set, unset }: SettingsChange): RunSettings {
  const chosen = Object.entries(set).filter(([, value]) => value !== undefined);
  const all = Object.entries({ ...settings, ...Object.fromEntries(chosen) });
  return runSettingsSchema.parse(Object.fromEntries(all.filter(([name]) => !unset.some((other) => other === name))));
}

/**
 * What was chosen last counts: a flag of the command that runs the agent over what was saved before that, and what was saved later over it.
 * @param given by flags, at `givenAtMs`
 */
export function settingsNow(given: RunSettings, givenAtMs: number, { values, chosenAtMs }: SavedSettings): RunSettings {
  const flagCounts = (name: Setting): boolean => given[name] !== undefined && !((chosenAtMs[name] ?? 0) > givenAtMs);
  const chosen = settingSchema.options.map((name) => [name, flagCounts(name) ? given[name] : values[name]]);
  return runSettingsSchema.parse(Object.fromEntries(chosen));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
