import { ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ErrorBody } from "../../../shared/api/errors.ts";
import { PorchlightError } from "../../../shared/errors.ts";

/** Says that the edge starts again; where an answer has begun already, breaks it off, so that nobody takes it for whole. */
export function refuse(to: ServerResponse | Duplex, retryAfterSeconds: number): void {
  const { status, code, message } = new PorchlightError("edge_restarting");
  // The same as the Worker's own answers have: see `errorBody`, which needs more than this process has loaded.
  const body = JSON.stringify({ error: { message, type: "server_error", param: null, code } } satisfies ErrorBody);
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "retry-after": String(retryAfterSeconds),
    connection: "close",
  };
  if (to instanceof ServerResponse) {
    if (to.headersSent) to.destroy();
    else to.writeHead(status, headers).end(body);
  } else if (to.writable) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    to.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
  }
}
