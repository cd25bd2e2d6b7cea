/** The tunnel's limits, each with its reason. Both sides hold to them; `welcome` may lower those marked negotiable. */
export const PROTOCOL_LIMITS = {
  /** Payload bytes of one frame: small enough that 64 streams take turns fairly, large enough that headers cost nothing. */
  frameBytes: 64 * 1024,
  /** One WebSocket message, which may hold many frames: well over what either side merges, well under workerd's own limit. */
  messageBytes: 1024 * 1024,
  /** Bytes one side may send on a stream before the other has consumed them: bounds memory per slow reader. Negotiable. */
  streamCreditBytes: 256 * 1024,
  /** The same over all streams of a connection: bounds memory per tunnel. Negotiable. */
  connectionCreditBytes: 4 * 1024 * 1024,
  /** Concurrent streams of a connection. Negotiable. */
  streams: 64,
  /** All bytes taken from a peer that has not proved who it is: a stranger costs no more than this. */
  handshakeBytes: 64 * 1024,
  /** From the socket's opening to `welcome`. */
  handshakeTimeoutMs: 10_000,
  /** Silence after which the agent pings; the edge answers without waking a hibernating object. */
  pingIntervalMs: 20_000,
  /** No answer to a ping within this: the socket is dead, dial again. */
  pongTimeoutMs: 10_000,
  /** How long the agent may hold a token back for company once a stream is fast; the first token never waits. */
  coalesceMs: 25,
  /** This many events within `coalesceMs` make a stream fast; below it nothing is ever held back. */
  coalesceAfterEvents: 8,
  /** Reconnect: first wait, longest wait; the wait starts over after this much health. */
  reconnectMinMs: 1_000,
  reconnectMaxMs: 60_000,
  reconnectHealthyMs: 60_000,
  /** Longest wait while the edge waits for runs of this agent. */
  reconnectRunningMs: 5_000,
  /** One whole request (canonical JSON) on a stream: the HTTP body limit plus what translation may add. */
  requestBytes: 8 * 1024 * 1024,
  /** Lines of one run that an agent keeps until the edge has them for certain; a run with more waits. */
  keptBytes: 4 * 1024 * 1024,
  /** The same over all runs that have ended: the oldest are dropped first. */
  keptEndedBytes: 32 * 1024 * 1024,
  /** How long a run is kept after its end, or after its tunnel was lost. */
  keptMs: 10 * 60_000,
  /** One line of an answer: tool calls are the long ones. */
  lineBytes: 4 * 1024 * 1024,
} as const;
