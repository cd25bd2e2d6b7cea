import { readFile } from "node:fs/promises";
import { z } from "zod";
import { writePrivateFile } from "../data-folder.ts";

/** What the owner of a machine decided about it, for every agent on its data folder; it outlives restarts. */
export const machineSettingsSchema = z.object({
  /** Out of service: what runs is finished, the edge gives it nothing new. */
  draining: z.boolean().default(false),
  /** Whether siblings may wake it and it may wake them, for which the edge learns its network cards' addresses. */
  wake: z.boolean().default(false),
});
export type MachineSettings = z.infer<typeof machineSettingsSchema>;

/** A decision; what it does not name stays as it is. */
export const machineChangeSchema = z.strictObject({ draining: z.boolean().optional(), wake: z.boolean().optional() });
export type MachineChange = z.infer<typeof machineChangeSchema>;

/** A file that is missing or broken says what a new machine's would: in service, and nothing told. */
export async function readMachineSettings(file: string): Promise<MachineSettings> {
  const text = await readFile(file, "utf8").catch(() => "{}");
  const parsed = machineSettingsSchema.safeParse(parse(text));
  return parsed.success ? parsed.data : machineSettingsSchema.parse({});
}

export async function writeMachineSettings(file: string, settings: MachineSettings): Promise<void> {
  await writePrivateFile(file, `${JSON.stringify(settings)}\n`);
}

export function changed(settings: MachineSettings, { draining, wake }: MachineChange): MachineSettings {
  return { draining: draining ?? settings.draining, wake: wake ?? settings.wake };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
