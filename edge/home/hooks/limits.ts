const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;

/** What inbound webhooks may cost, each with its reason. */
export const HOOK_LIMITS = {
  /** Of one person: a sender each. */
  perPerson: 20,
  /** Of a message: what senders send is notices, not files. */
  bodyBytes: 256 * 1024,
  /** Messages to one address that are taken, after as many at once. */
  perMinute: 60,
  /** Messages that wait: of one address, of a household, and what these weigh. */
  waiting: 100,
  waitingOfHousehold: 500,
  waitingBytes: 32 * 1024 * 1024,
  /** Messages that are worked on at once, of one address and of a household. */
  atOnce: 2,
  atOnceOfHousehold: 8,
  /** So long a sender waits for what a plugin has to say; then it is told that its message was taken. */
  answerMs: 10 * S,
  answerBytes: 64 * 1024,
  /** Standard Webhooks: how far a message's time may be from ours. */
  toleranceMs: 5 * MIN,
  /** How long, and how many of them, ids of messages are remembered: senders send again for days. */
  seenMs: 7 * 24 * H,
  seenMost: 10_000,
  /** Deliveries of one address that its person can open, and for how long. */
  kept: 50,
  keptMs: 30 * 24 * H,
  /** Of a message, what its record and its person are shown. */
  shownBytes: 64 * 1024,
  /** Of a message, what a conversation is told. */
  toldCharacters: 16_000,
  headerCharacters: 200,
  messageIdCharacters: 128,
  /** How long the secret before a rotation is good beside the new one. */
  oldSecretMs: 24 * H,
  /** After this a message whose work was lost with the object is worked on again. */
  leaseMs: 5 * MIN,
  /** Of one message: work that was lost. One that takes the object down with it is given up. */
  lostMost: 3,
  /** Pauses before it is tried again where a machine was not there; the last one again and again. */
  pausesMs: [5 * S, 30 * S, 2 * MIN, 10 * MIN],
  /** While a conversation is being answered. */
  busyMs: 3 * S,
  /** A message that could not be worked on for so long has failed. */
  giveUpMs: 24 * H,
  nameCharacters: 80,
  promptCharacters: 8_000,
  secretCharacters: 256,
} as const;
