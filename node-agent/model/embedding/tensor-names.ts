import { modelError } from "../model-error.ts";
import type { TensorSource } from "../tensor-source.ts";
import type { EncoderKind } from "./encoder-kinds.ts";

/** An encoder's tensors without the name of the larger model that they may be part of, and with today's names of norms. */
export function encoderTensors(source: TensorSource, { prefix }: EncoderKind): TensorSource {
  return renamed(source, (stored) =>
    (stored.startsWith(prefix) ? stored.slice(prefix.length) : stored)
      .replace(/LayerNorm\.gamma$/, "LayerNorm.weight")
      .replace(/LayerNorm\.beta$/, "LayerNorm.bias"),
  );
}

/** A decoder's tensors with the prefix that they lack where only the model's body was saved. */
export function decoderTensors(source: TensorSource): TensorSource {
  const isBody = source.tensors.has("embed_tokens.weight");
  return isBody ? renamed(source, (stored) => `model.${stored}`) : source;
}

/** The same tensors under other names. @param nameOf what a stored tensor is called */
function renamed(source: TensorSource, nameOf: (stored: string) => string): TensorSource {
  const stored = new Map([...source.tensors.keys()].map((name) => [nameOf(name), name]));
  const storedName = (name: string): string => {
    const found = stored.get(name);
    if (found === undefined) throw modelError(`The model's files have no tensor ${name}.`);
    return found;
  };
  const tensors = new Map([...source.tensors].map(([name, entry]) => [nameOf(name), entry]));
  const { ints, quantization } = source;
  return {
    tensors,
    read: (name, start, count) => source.read(storedName(name), start, count),
    ...(quantization === undefined ? {} : { quantization }),
    ...(ints === undefined
      ? {}
      : {
          ints: {
            formatOf: (name) => (stored.has(name) ? ints.formatOf(storedName(name)) : undefined),
            read: (name, row, rows) => ints.read(storedName(name), row, rows),
          },
        }),
    close: () => source.close(),
  };
}
