import { loadDecoder } from "../../node-agent/model/load.ts";
import { type ProviderName, providerSchema } from "../../node-agent/runtime/providers.ts";
import { tryProvider } from "../../node-agent/runtime/try-provider.ts";
import { quantizationSchema } from "../../shared/inference/model.ts";

/**
 * Computes logits of one model on the CPU and on another provider, in a process of its own: graphics drivers read the environment when
 * they start, and may take their process with them.
 *   node accelerator-child.ts FOLDER CACHE PROVIDER QUANTIZATION
 * Prints `{skipped}` where the provider does not run here, else `{fallback, difference, largest}`.
 */
const [folder = "", cacheDir = "", asked, bits] = process.argv.slice(2);
const provider = providerSchema.parse(asked);
const quantization = quantizationSchema.parse(bits);
const PROMPT = [5, 17, 3, 88, 42, 9, 60];

async function logitsOn(where: ProviderName): Promise<{ values: number[]; fallback: string | undefined }> {
  let fallback: string | undefined;
  const onFallback = (_: ProviderName, reason: string) => {
    fallback = reason;
  };
  const decoder = await loadDecoder({ folder, cacheDir, quantization, slots: 2, provider: where, onFallback });
  const values = [...(await decoder.prefill(1, PROMPT, 0))];
  await decoder.prefill(0, PROMPT.slice(2), 0);
  // Both slots at once, at different positions: over what the calls before left in the cache.
  for (let i = 0; i < 3; i++)
    values.push(...(await decoder.decode([11 + i, 70 + i], [PROMPT.length - 2 + i, PROMPT.length + i])));
  await decoder.dispose();
  return { values, fallback };
}

const problem = await tryProvider(provider);
if (problem !== undefined) console.log(JSON.stringify({ skipped: problem }));
else {
  const here = await logitsOn("cpu");
  const there = await logitsOn(provider);
  const difference = Math.max(...here.values.map((value, i) => Math.abs(value - (there.values[i] ?? Number.NaN))));
  const largest = Math.max(...here.values.map(Math.abs));
  console.log(JSON.stringify({ fallback: there.fallback ?? null, difference, largest }));
}
