import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { z } from "zod";
import { temporaryFolder } from "../../support/model-temp.ts";
import { TINY_CONFIG, writeTinyModel } from "../../support/model-tiny.ts";

const CHILD = fileURLToPath(new URL("../../support/growth-child.ts", import.meta.url));
const SLOTS = 4;
const POSITIONS = 2048;
const MB = 1e6;

const reportSchema = z.object({
  contextLength: z.number(),
  bytes: z.number(),
  resident: z.tuple([z.number(), z.number(), z.number(), z.number()]),
});

it("takes memory as a conversation grows, and not for what it could become", async () => {
  await using folder = await temporaryFolder();
  const config = { ...TINY_CONFIG, head_dim: 64, num_key_value_heads: 6, max_position_embeddings: 131_072 };
  await writeTinyModel(folder.path, { config });
  const run = [CHILD, folder.path, folder.path, String(SLOTS), String(POSITIONS)];
  // The first time it is compiled, which takes memory of its own.
  await promisify(execFile)(process.execPath, run);
  const { stdout } = await promisify(execFile)(process.execPath, run);
  const { contextLength, bytes, resident } = reportSchema.parse(JSON.parse(stdout));
  const [before, warm, half, whole] = resident;
  // Every slot at full length would take 4.8 GB.
  expect(SLOTS * contextLength * bytes).toBeGreaterThan(4_800 * MB);
  expect(warm - before).toBeLessThan(300 * MB);
  // 19 MB each; scores and activations are small, and not kept.
  for (const grown of [half - warm, whole - half]) {
    expect(grown).toBeGreaterThan(0.5 * POSITIONS * bytes);
    expect(grown).toBeLessThan(4 * POSITIONS * bytes);
  }
});
