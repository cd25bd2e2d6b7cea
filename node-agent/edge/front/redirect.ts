import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ErrorBody } from "../../../shared/api/errors.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { FRONT_LIMITS } from "./limits.ts";

export interface RedirectOptions {
  host: string;
  /** 0 for any that is free. */
  port: number;
  /** Where everybody is sent, whatever host they asked for. */
  origin: string;
}

/**
 * Listens for plain http beside an edge with a certificate. Who opens a page is sent on to https. A program that shows a key, or sends
 * something, is refused: sent on, it would work, and say its secrets in the clear for ever.
 */
export class Redirect {
  readonly #options: RedirectOptions;
  readonly #server: Server;

  constructor(options: RedirectOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: FRONT_LIMITS.headerBytes,
        headersTimeout: FRONT_LIMITS.headersMs,
        requestTimeout: FRONT_LIMITS.headersMs,
        connectionsCheckingInterval: FRONT_LIMITS.checkMs,
      },
      (request, response) => this.#answer(request, response),
    );
    this.#server.maxConnections = FRONT_LIMITS.redirectConnections;
  }

  /** Resolves with the port. Rejects with Node's error, such as EADDRINUSE. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      const { host, port } = this.#options;
      this.#server.listen({ port, ...(host === "::" ? {} : { host }) }, resolve); // as the front does
    });
    return (this.#server.address() as AddressInfo).port; // a listening TCP server has one of this form
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer({ method, url = "/", headers }: IncomingMessage, response: ServerResponse): void {
    const { origin } = this.#options;
    response.setHeader("connection", "close");
    const isPage = (method === "GET" || method === "HEAD") && url.startsWith("/");
    if (isPage && headers.authorization === undefined && headers["x-api-key"] === undefined) {
      response.writeHead(301, { location: origin + url, "content-length": 0 }).end();
      return;
    }
    const message = `Plain http is not served, for everybody on the way can read it. Use ${origin}, and take another API key if you sent one.`;
    const { status, code } = new PorchlightError("invalid_request");
    const body: ErrorBody = { error: { message, type: "invalid_request_error", param: null, code } };
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }
}
