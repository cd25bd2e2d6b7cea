/** Limits of the front, each with its reason. What a request may hold is the Worker's to say. */
export const FRONT_LIMITS = {
  /** As the design of the door has it. */
  headerBytes: 32 * 1024,
  headersMs: 10_000,
  /** 25 MiB of audio over a slow line; an answer may take as long as it likes. */
  requestMs: 180_000,
  tlsHandshakeMs: 10_000,
  /** Longer than a reverse proxy keeps an idle connection (nginx: 60 s), so that the proxy is the one that closes. */
  keepAliveMs: 75_000,
  /** How often the three above are looked at. */
  checkMs: 2_000,
  /** Some 20 kB each in this process; a household has tens. */
  connections: 4_096,
  /** Of one address: a school behind one address still fits, one machine cannot take all. Not for trusted proxies. */
  connectionsPerVisitor: 512,
  /** A peer that vanished without a word is found by this. */
  tcpKeepAliveMs: 30_000,
  /** How long a request waits for a Worker that starts again, before it is told to come later. */
  patienceMs: 5_000,
  waiting: 1_024,
  /** Within this a dead workerd is noticed; then a request that died with it, and changes nothing, is asked again. */
  noticeMs: 300,
  /** Of the listener that only sends on to https: each is closed after its one answer. */
  redirectConnections: 256,
  /** How long a browser that was here once comes by https alone (Strict-Transport-Security): half a year. */
  hstsSeconds: 15_552_000,
  /** When to come again: while workerd starts again, and while all of the edge does. */
  againSeconds: 2,
  restartSeconds: 5,
} as const;
