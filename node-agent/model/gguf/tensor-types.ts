/** Types that can be decoded, by their number in the file (enum ggml_type; layouts of ggml's block structures). */
const DECODED = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  Q4_0: { id: 2, elements: 32, bytes: 18 },
  Q4_1: { id: 3, elements: 32, bytes: 20 },
  Q5_0: { id: 6, elements: 32, bytes: 22 },
  Q5_1: { id: 7, elements: 32, bytes: 24 },
  Q8_0: { id: 8, elements: 32, bytes: 34 },
  Q2_K: { id: 10, elements: 256, bytes: 84 },
  Q3_K: { id: 11, elements: 256, bytes: 110 },
  Q4_K: { id: 12, elements: 256, bytes: 144 },
  Q5_K: { id: 13, elements: 256, bytes: 176 },
  Q6_K: { id: 14, elements: 256, bytes: 210 },
  IQ4_NL: { id: 20, elements: 32, bytes: 18 },
  BF16: { id: 30, elements: 1, bytes: 2 },
} as const;

export type TensorTypeName = keyof typeof DECODED;
export const TENSOR_TYPES: Record<TensorTypeName, { id: number; elements: number; bytes: number }> = DECODED;

// Object.keys loses the key type; the table is const.
const NAMES = Object.keys(DECODED) as TensorTypeName[];
const NAME_BY_ID = new Map(NAMES.map((name) => [DECODED[name].id as number, name]));

/** The type of a number in a file; undefined for one that cannot be decoded. */
export function tensorTypeOf(id: number): TensorTypeName | undefined {
  return NAME_BY_ID.get(id);
}

export const SUPPORTED_TENSOR_TYPES = NAMES.join(", ");

/** Names of the types that exist and cannot be decoded here, so that a message can say which one a file has. */
const OTHERS: Readonly<Record<number, string>> = {
  9: "Q8_1",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
};

export function describeTensorType(id: number): string {
  return tensorTypeOf(id) ?? OTHERS[id] ?? `of the unknown type ${id}`;
}
