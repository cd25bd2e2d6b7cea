import type { RunSettings } from "../agent/run-settings.ts";

/** What `porchlight set` changes, by the names of the flags that say the same at the start. */
export const SETTINGS = {
  model: "model",
  quantization: "quantization",
  provider: "provider",
  memory: "memoryBytes",
  context: "contextLength",
  threads: "threads",
  "keep-alive": "keepAliveMs",
  "kv-disk": "kvDiskBytes",
  draft: "draft",
} as const satisfies Record<string, keyof RunSettings>;
export type SettingName = keyof typeof SETTINGS;

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]; // its own keys
