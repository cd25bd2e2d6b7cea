import type { Plant } from "./loader.ts";

/** A bug that the simulator must find, put into the product's text as it is loaded. */
export interface PlantedBug {
  what: string;
  changes: readonly Plant[];
}

export const PLANTS: Record<string, PlantedBug> = {};
