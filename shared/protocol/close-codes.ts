/** Codes a tunnel's WebSocket is closed with, beside those that the WebSocket layer makes itself (1006, 1009...). */
export const CLOSE_CODES = {
  /** The agent stops on purpose. */
  normal: 1000,
  /** The edge restarts; dial again at once. */
  restart: 1012,
  /** The peer broke the protocol; the reason is a code of PROTOCOL_ERRORS. */
  protocol: 4400,
  /** The agent is not known here, or its signature does not fit. */
  auth: 4401,
  /** The owner took this agent's access away. */
  revoked: 4403,
  /** The handshake took too long, or no answer came to a ping. */
  timeout: 4408,
  /** The same agent connected again, from here or from another process. */
  replaced: 4409,
} as const satisfies Record<string, number>;

export type CloseCodeName = keyof typeof CLOSE_CODES;
export type CloseCode = (typeof CLOSE_CODES)[CloseCodeName];

/** After these, dialling again cannot help until a person did something. */
const FINAL_CODES: ReadonlySet<number> = new Set([CLOSE_CODES.auth, CLOSE_CODES.revoked, CLOSE_CODES.replaced]);

/** Whether an agent dials again after its socket was closed with `code`. */
export function isRetriedClose(code: number): boolean {
  return !FINAL_CODES.has(code);
}
