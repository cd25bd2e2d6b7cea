/** Every way to break the protocol. The code is stable (golden vectors name it) and travels as the close reason with 4400. */
export const PROTOCOL_ERRORS = {
  truncated: "The bytes ended inside a frame.",
  bad_version: "The frame has another protocol version.",
  unknown_type: "There is no such frame type.",
  bad_flags: "The frame has flags that its type does not know.",
  frame_too_large: "The frame's payload is over 64 KiB.",
  bad_length: "The payload's length does not fit the frame's type.",
  bad_stream: "This frame type does not belong on that stream.",
  bad_payload: "The payload is not valid for the frame's type.",
  not_utf8: "A JSON payload is not valid UTF-8.",
  bad_json: "A JSON payload does not parse.",
  bad_message: "A JSON payload has not the shape that it must have.",
  wrong_parity: "The peer opened a stream with an id of this side.",
  stream_reused: "The peer opened a stream with an id that is not above all before it.",
  unknown_stream: "The frame names a stream that was never opened.",
  too_many_streams: "The peer opened more streams than were agreed.",
  after_end: "The peer sent on a stream that it had ended.",
  credit_exceeded: "The peer sent more than its credit.",
  window_overflow: "The peer granted more credit than was agreed.",
  handshake_order: "A message came at a point of the handshake where it does not belong.",
} as const satisfies Record<string, string>;

export type ProtocolErrorReason = keyof typeof PROTOCOL_ERRORS;

/** The peer broke the protocol: whoever owns the socket closes it with 4400 and `reason`. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly reason: ProtocolErrorReason;

  constructor(reason: ProtocolErrorReason, details: { cause?: unknown } = {}) {
    super(PROTOCOL_ERRORS[reason], details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
  }
}
