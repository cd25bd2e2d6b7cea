/** Life of credentials, and how often they may be tried, each with its reason. */
export const CREDENTIAL_LIMITS = {
  /** How long a key that was found good is not looked up again: the longest a revoked key can go on. */
  keyCacheMs: 30_000,
  /** The same for a key that was not found: a key made a moment ago must work soon. */
  keyMissCacheMs: 5_000,
  /** Keys remembered in one isolate: some hundred bytes each. */
  keyCacheEntries: 10_000,
  /** `last_used` and `last_seen` are for people: finer than this only costs writes. */
  lastUsedMs: 60_000,
  /** Keys of one person: a program each is plenty, and the list stays one page. */
  keysPerPerson: 100,
  /** One-time codes: long enough to walk to the other machine. */
  codeMs: 10 * 60_000,
  /** 128 bits cannot be guessed within ten minutes, or ever. */
  codeBytes: 16,
  /** A machine waits this long for its owner to type in the code it shows. */
  deviceMs: 10 * 60_000,
  deviceCodeBytes: 32,
  /** 20^8 codes, of which a few are open at a time: see `userCode` below. */
  userCodeCharacters: 8,
  /** How often a waiting machine may ask, and how much seldomer each time it does not keep to that (RFC 8628, section 3.5). */
  pollMs: 5_000,
  pollStepMs: 5_000,
  pollMaxMs: 60_000,
  /** Clocks of home machines are wrong; what is signed for this long can only be a wish to leave. */
  leaveMs: 10 * 60_000,
  /** A browser stays signed in for this long. */
  sessionMs: 30 * 24 * 3600_000,
  sessionBytes: 32,
  /** A passkey prompt: people look for their phone. */
  ceremonyMs: 5 * 60_000,
  /** How long one who proved to be there is believed to be there still. */
  confirmationMs: 5 * 60_000,
  /** An invitation crosses a chat or a mail, and is opened in the evening. */
  invitationMs: 3 * 24 * 3600_000,
  /** More passkeys than anybody carries; each also goes into the options of the next ceremony. */
  passkeys: 20,
  recoveryCodes: 10,
  /** 20 characters of 5 bits: 100 bits. */
  recoveryCodeCharacters: 20,
  /** Short ones fall to lists of leaked ones; the longest bounds what is hashed. */
  passwordCharacters: { min: 12, max: 256 },
  /** Of an audit entry, and of a session in the list. */
  userAgentCharacters: 256,
  /** How long security events are kept. */
  auditMs: 400 * 24 * 3600_000,
} as const;

/** Tries within a window, per bucket; then 429 until the window ends. Only a success ends one early. */
export const ATTEMPT_LIMITS = {
  /** Ceremonies write a row each: generous to a household behind one address, tight for a script. */
  ceremony: { count: 60, windowMs: 5 * 60_000 },
  /** Failed sign-ins of any kind from one address. */
  address: { count: 20, windowMs: 15 * 60_000 },
  /** Wrong passwords for one name, from wherever: the addresses of a botnet are many, the name is one. */
  name: { count: 5, windowMs: 15 * 60_000 },
  /** Wrong user codes of one person: locked for a while, and after more of them for the rest of the day. */
  userCode: { count: 5, windowMs: 5 * 60_000 },
  userCodeDay: { count: 15, windowMs: 24 * 3600_000 },
  /** Machines that ask for a device code from one address: each is a row. */
  deviceStart: { count: 20, windowMs: 10 * 60_000 },
  /** Programs that register from one address: each is a row. */
  oauthRegister: { count: 20, windowMs: 10 * 60_000 },
  /** Wrong codes and refresh tokens from one address. They cannot be guessed; looking them up costs. */
  oauthToken: { count: 60, windowMs: 10 * 60_000 },
  /** Wrong set-up tokens from anywhere: whoever chose a weak one is protected until the first account is made. */
  setUp: { count: 50, windowMs: 15 * 60_000 },
} as const;

/** `Idempotency-Key`, see middleware/idempotency.ts. */
export const IDEMPOTENCY_LIMITS = {
  /** As Stripe's clients have it: an UUID with a prefix is far under it. */
  keyCharacters: 255,
  /** A client that comes again later has given up and begun anew. */
  keptMs: 24 * 3600_000,
  /** How long a request that was lost with its Worker blocks its key; one that runs says so three times as often. */
  leaseMs: 60_000,
  /** When to ask for the answer of a request that runs. */
  retryMs: 1_000,
  /** An answer is kept as base64 in one row, of which D1 takes 2 MB; a long conversation's is a tenth of that. */
  answerBytes: 1024 * 1024,
  /** What one caller's answers take in all: what comes on top is not kept. */
  bytesPerCaller: 64 * 1024 * 1024,
  /** Rows of one caller: seven a minute, all day. */
  keysPerCaller: 10_000,
  tokenBytes: 16,
} as const;
