import { quantizationSchema } from "../../shared/inference/model.ts";
import { MAX_THREADS } from "../agent/messages.ts";
import type { RunSettings } from "../agent/run-settings.ts";
import { providerChoiceSchema } from "../runtime/providers.ts";
import { CommandError } from "./command-error.ts";
import { byteSize, count, duration, oneOf } from "./flag-values.ts";
import { type Flags, nonEmpty, optional, port } from "./flags.ts";
import { SETTING_NAMES } from "./setting-names.ts";

/** Flags of commands that run an agent. */
export const AGENT = [
  "local-port",
  "data",
  "model",
  "quantization",
  "provider",
  "memory",
  "context",
  "keep-alive",
  "kv-disk",
  "draft",
  "threads",
  "canary-every",
] as const;

/** What an agent is started with. Throws `bad_usage`. */
export function agentFlags(flags: Flags) {
  return {
    localPort: port(flags, "local-port", 8788),
    ...optional("data", nonEmpty(flags.data, "--data")),
    settings: {
      ...runSettings(flags),
      model: wantedModel(flags),
      canaryEveryMs: duration("canary-every", flags["canary-every"]),
    },
  };
}

function runSettings(flags: Flags): RunSettings {
  const quantization = quantizationSchema.optional().safeParse(flags.quantization);
  if (!quantization.success) {
    throw new CommandError(
      "bad_usage",
      `--quantization is one of ${quantizationSchema.options.join(", ")}, not "${flags.quantization}".`,
    );
  }
  return {
    model: nonEmpty(flags.model, "--model"),
    quantization: quantization.data,
    provider: oneOf("provider", flags.provider, providerChoiceSchema.options),
    memoryBytes: byteSize("memory", flags.memory),
    contextLength: count("context", flags.context),
    keepAliveMs: duration("keep-alive", flags["keep-alive"]),
    kvDiskBytes: byteSize("kv-disk", flags["kv-disk"]),
    draft: nonEmpty(flags.draft, "--draft"),
    threads: count("threads", flags.threads, MAX_THREADS),
  };
}

/** The model that is asked for, by flag or environment. */
export function wantedModel(flags: Flags): string | undefined {
  return nonEmpty(flags.model, "--model") ?? (process.env.PORCHLIGHT_MODEL || undefined);
}

/** The words behind `set`. Throws `bad_usage`. */
export function setting([word, value, ...more]: string[]) {
  if (word === undefined) return undefined;
  const name = SETTING_NAMES.find((known) => known === word);
  if (name === undefined)
    throw new CommandError(
      "bad_usage",
      `There is no setting "${word.slice(0, 80)}". There are: ${SETTING_NAMES.join(", ")}.`,
    );
  if (value === undefined || more.length > 0)
    throw new CommandError("bad_usage", `'porchlight set ${word}' takes one value, or 'default'.`);
  return { name, value: value === "default" ? undefined : runSettings({ [name]: value }) };
}
