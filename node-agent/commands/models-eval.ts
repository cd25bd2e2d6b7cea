import { quantizationSchema } from "../../shared/inference/model.ts";
import { BUNDLED_MODELS } from "../data-folder.ts";
import { DEFAULT_TEXT } from "../model/quantization/default-text.ts";
import { listLocalModels, resolveModel } from "../model/registry.ts";
import { measureTextPerplexity } from "../model/text-perplexity.ts";
import { oneOf } from "./flag-values.ts";
import type { ModelsContext } from "./models.ts";
import { readText, workFolder } from "./models-work.ts";
import { StatusLine } from "./terminal.ts";

/** `porchlight models eval`: perplexity of a model on a text. */
export async function evaluateModel({ flags, modelsDir, compiledDir, model: name }: ModelsContext): Promise<number> {
  const model = await resolveModel(name, await listLocalModels({ folders: [modelsDir, BUNDLED_MODELS] }));
  const quantization = oneOf("weights", flags.weights, quantizationSchema.options) ?? model.info.quantization;
  const text = flags.text === undefined ? DEFAULT_TEXT : await readText(flags.text);
  const status = new StatusLine();
  // Compiled for another context than it is served with: not to be mixed up.
  await using work = await workFolder(compiledDir);
  status.show(`Loading ${model.name}`);
  const found = await measureTextPerplexity({
    path: model.folder,
    quantization,
    cacheDir: work.path,
    text,
    onProgress: (fraction) => status.show(`Reading: ${Math.round(fraction * 100)}%`),
  });
  status.clear();
  const { perplexity, tokens, window, stride, milliseconds } = found;
  const source = flags.text ?? "the text that comes with Porchlight";
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ name: model.name, quantization, text: source, ...found })}\n`);
  else {
    const seconds = milliseconds / 1000;
    process.stdout.write(
      `${model.name} as ${quantization}: perplexity ${perplexity.toFixed(4)} on ${source}\n` +
        `${tokens} tokens in windows of ${window}, ${stride} apart; ${seconds.toFixed(1)} s, ${Math.round(tokens / seconds)} tokens/s\n`,
    );
  }
  return 0;
}
