/** What rounding did to tensors of one kind, in all layers together. */
export interface GroupError {
  /** Name of the tensors, with `*` for the number of the layer. */
  group: string;
  /** What they are held in, e.g. `int4/64`. */
  format: string;
  weights: number;
  /** ‖W - Ŵ‖ / ‖W‖. */
  weightError: number;
  /** ‖(W - Ŵ) x‖ / ‖W x‖ over the calibration text: of rounding to nearest, and of what was written. */
  outputError?: { rounded: number; calibrated: number };
}

/** Sums of squares. */
export interface ErrorSums {
  weights: number;
  error: number;
  size: number;
  output?: { rounded: number; calibrated: number; size: number };
}

/** Collects errors by kind of tensor. */
export class ErrorTable {
  readonly #groups = new Map<string, ErrorSums & { group: string; format: string }>();

  add(name: string, format: string, sums: ErrorSums): void {
    const group = name.replace(/\.layers\.\d+\./, ".layers.*.").replace(/\.experts\.\d+\./, ".experts.*.");
    const key = `${group} ${format}`;
    const known = this.#groups.get(key) ?? { group, format, weights: 0, error: 0, size: 0 };
    known.weights += sums.weights;
    known.error += sums.error;
    known.size += sums.size;
    if (sums.output !== undefined) {
      const { rounded = 0, calibrated = 0, size = 0 } = known.output ?? {};
      const { output } = sums;
      known.output = {
        rounded: rounded + output.rounded,
        calibrated: calibrated + output.calibrated,
        size: size + output.size,
      };
    }
    this.#groups.set(key, known);
  }

  rows(): GroupError[] {
    return [...this.#groups.values()].map(({ group, format, weights, error, size, output }) => ({
      group,
      format,
      weights,
      weightError: relative(error, size),
      ...(output === undefined
        ? {}
        : {
            outputError: {
              rounded: relative(output.rounded, output.size),
              calibrated: relative(output.calibrated, output.size),
            },
          }),
    }));
  }
}

function relative(error: number, size: number): number {
  return size === 0 ? 0 : Math.sqrt(Math.max(0, error) / size);
}
