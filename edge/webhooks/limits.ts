const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;

/** What webhooks may cost, each with its reason. */
export const WEBHOOK_LIMITS = {
  /** Of one person: a program each. */
  perPerson: 10,
  /** Pauses before each further try, as Standard Webhooks suggests: most trouble is short, some lasts a weekend. */
  pausesMs: [5 * S, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H],
  /** Of a pause, at most so much more by chance: what failed together does not come again together. */
  jitter: 0.2,
  /** A receiver that takes longer has work to do that belongs behind its answer. */
  timeoutMs: 15 * S,
  /** After this a try that was lost with the object is made again. */
  leaseMs: 60 * S,
  /** Tries at once: in all, and to one receiver, so that a slow one does not hold up the others. */
  atOnce: 8,
  atOncePerReceiver: 2,
  /** How long the secret before a rotation signs beside the new one. */
  oldSecretMs: 24 * H,
  /** Standard Webhooks asks for 24 to 64 bytes. */
  secretBytes: 32,
  /** The log: how long, and how many of one receiver. */
  keptMs: 7 * 24 * H,
  keptPerReceiver: 200,
  /** Deliveries that the log shows at once. */
  page: 20,
} as const;
