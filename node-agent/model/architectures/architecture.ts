import type { ModelConfig } from "../config.ts";
import type { RawConfig } from "../raw-config.ts";

/** What a decoder-only transformer may have that a Llama has not. */
export type Differences = Partial<
  Pick<
    ModelConfig,
    | "ropes"
    | "attentionScale"
    | "attentionSoftcap"
    | "logitSoftcap"
    | "embeddingScale"
    | "gainOffset"
    | "qkNorm"
    | "postNorms"
    | "biases"
    | "fusedProjections"
    | "experts"
  >
>;

/** An architecture, told as its differences from a Llama. */
export interface Architecture {
  /** What the model's original code takes for fields that config.json leaves out, where a Llama's would be wrong. */
  defaults?: Readonly<Record<string, unknown>>;
  /** Where the text model is in a larger one: the field of its configuration, and what its tensors' names begin with. */
  within?: { readonly config: string; readonly tensors: string };
  differences?: (raw: RawConfig) => Differences;
  /** Whether a layer sees only the last `sliding_window` positions, when config.json has no `layer_types`. */
  slides?: (raw: RawConfig, layer: number) => boolean;
  /** Index into `ropes` for a layer, or undefined if it has no rotary embedding; 0 without this. */
  rope?: (raw: RawConfig, layer: number, slides: boolean) => number | undefined;
}
