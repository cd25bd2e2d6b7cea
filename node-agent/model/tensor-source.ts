/** A tensor as a model file lists it. */
export interface TensorEntry {
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
}

/** Named weights that are read a piece at a time, so that a model larger than memory can be converted. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Elements [start, start + count) of a tensor, row-major, as float32. Throws PorchlightError `model_load_failed`. */
  read(name: string, start: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}
