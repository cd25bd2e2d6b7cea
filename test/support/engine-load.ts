import { readFile } from "node:fs/promises";
import { z } from "zod";

const statsSchema = z.object({
  models: z.array(z.object({ stats: z.object({ running: z.number(), waiting: z.number() }) })),
});

/** Requests that an agent's engine holds now, in slots and before them, as its local API says. */
export async function engineLoad(
  localUrl: string,
  localKeyFile: string,
): Promise<{ running: number; waiting: number }> {
  const key = (await readFile(localKeyFile, "utf8")).trim();
  const response = await fetch(`${localUrl}/api/stats`, { headers: { authorization: `Bearer ${key}` } });
  const { models } = statsSchema.parse(await response.json());
  return {
    running: models.reduce((total, { stats }) => total + stats.running, 0),
    waiting: models.reduce((total, { stats }) => total + stats.waiting, 0),
  };
}
