/** Where a graph runs. */
export type ProviderName = "cpu";

export interface Provider {
  /** ONNX Runtime's name for it. */
  executionProviders: readonly string[];
}

/** Every provider the engine knows; a new accelerator is a new row. */
export const PROVIDERS: Record<ProviderName, Provider> = {
  cpu: { executionProviders: ["cpu"] },
};
