/** How badly the network behaves: chances and times that a seed draws for a whole run. */
export interface NetworkFaults {
  /** One way. */
  latencyMs: { min: number; max: number };
  /** Chance of each message to wait much longer, and all behind it. */
  stallChance: number;
  stallMs: number;
  /** Chances of a hostile network, which a WebSocket never is: each message of a tunnel may be lost, come twice or change places. */
  loseChance: number;
  doubleChance: number;
  swapChance: number;
}

export const CALM: NetworkFaults = {
  latencyMs: { min: 0.2, max: 2 },
  stallChance: 0,
  stallMs: 0,
  loseChance: 0,
  doubleChance: 0,
  swapChance: 0,
};
