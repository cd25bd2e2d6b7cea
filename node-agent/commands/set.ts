import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { agentSettings } from "../agent/agent-status.ts";
import { readSavedSettings, type RunSettings, saveSettings } from "../agent/run-settings.ts";
import { type DataFolder, dataFolder } from "../data-folder.ts";
import { CommandError } from "./command-error.ts";
import { formatBytes } from "./models-units.ts";
import { SETTING_NAMES, type SettingName, SETTINGS } from "./setting-names.ts";
import { say, styled } from "./terminal.ts";

export interface SetFlags {
  data?: string;
  json: boolean;
  /** Absent: nothing is changed. `value` holds the one setting; undefined: nobody chooses any more. */
  change?: { name: SettingName; value: RunSettings | undefined };
}

/**
 * `porchlight set`: changes how models are run, in the agents that run on the data folder at once and for those to come; without a name,
 * says what is chosen. Throws CommandError where an agent will not have it so, and then nothing is changed for those to come.
 */
export async function set({ data, json, change: wanted }: SetFlags): Promise<number> {
  const folder = dataFolder(data);
  if (wanted === undefined) return show(await chosen(folder), json);
  const { name } = wanted;
  const value = wanted.value && withPlaces(wanted.value);
  const change = value === undefined ? { set: {}, unset: [SETTINGS[name]] } : { set: value, unset: [] };
  const running = await eachAgent(folder, async (file) => await agentSettings(file, folder.localKey, change));
  await saveSettings(folder.settings, change);
  if (json) return show(await chosen(folder), json);
  const now = value === undefined ? "as it is when nobody chooses" : format(name, value);
  const when =
    running.length > 0
      ? "The next request finds it so; those under way end as they began."
      : "The next start finds it so.";
  say(`${styled("green", "✓")} ${styled("bold", name)} is ${now}. ${when}`);
  return 0;
}

/** The agent may run in another folder: places are told from the root on. */
function withPlaces(settings: RunSettings): RunSettings {
  const place = (text: string): string => (/[/\\]/.test(text) && existsSync(text) ? resolve(text) : text);
  const { model, draft } = settings;
  return {
    ...settings,
    ...(model === undefined ? {} : { model: place(model) }),
    ...(draft === undefined ? {} : { draft: place(draft) }),
  };
}

/** In the agent that runs here, or for the next one. */
async function chosen(folder: DataFolder): Promise<RunSettings> {
  const [running] = await eachAgent(folder, async (file) => await agentSettings(file, folder.localKey));
  return running ?? (await readSavedSettings(folder.settings)).values;
}

async function eachAgent(
  folder: DataFolder,
  ask: (file: string) => Promise<RunSettings | undefined>,
): Promise<RunSettings[]> {
  const answers: RunSettings[] = [];
  for (const file of [folder.localAgent, folder.remoteAgent]) {
    const answer = await ask(file).catch((error: Error) => {
      throw new CommandError("request_failed", error.message, { cause: error });
    });
    if (answer !== undefined) answers.push(answer);
  }
  return answers;
}

function show(settings: RunSettings, json: boolean): number {
  const lines = SETTING_NAMES.map((name) => `${name.padEnd(14)}${format(name, settings)}`);
  process.stdout.write(`${json ? JSON.stringify(settings) : lines.join("\n")}\n`);
  return 0;
}

function format(name: SettingName, settings: RunSettings): string {
  const value = settings[SETTINGS[name]];
  if (value === undefined) return "(nobody chose)";
  if (name === "memory" || name === "kv-disk") return formatBytes(Number(value));
  if (name === "keep-alive") return value === -1 ? "forever" : `${Number(value) / 1000} s`;
  return String(value);
}
