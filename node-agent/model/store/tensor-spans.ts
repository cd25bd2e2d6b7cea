import { openGguf } from "../gguf/reader.ts";
import { isGguf } from "../model-files.ts";
import { readSafetensorsFile } from "../safetensors.ts";

/** Where a tensor's bytes are in a file. */
export interface TensorSpan {
  name: string;
  offset: number;
  bytes: number;
}

/** The tensors of a safetensors or GGUF file by offset, without overlaps; undefined for other files and for those that cannot be read. */
export async function tensorSpans(path: string, name: string): Promise<TensorSpan[] | undefined> {
  try {
    const tensors = isGguf(name)
      ? await ggufTensors(path)
      : name.endsWith(".safetensors")
        ? (await readSafetensorsFile(path)).tensors
        : undefined;
    if (tensors === undefined) return undefined;
    const spans = [...tensors].map(([tensor, { offset, bytes }]) => ({ name: tensor, offset, bytes }));
    return spans.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  } catch {
    // What is wrong with a file is told when it is loaded; here it only means that nothing is known of its inside.
    return undefined;
  }
}

async function ggufTensors(path: string): Promise<ReadonlyMap<string, { offset: number; bytes: number }>> {
  await using file = await openGguf(path);
  return file.tensors;
}
