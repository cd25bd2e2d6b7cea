import { once } from "node:events";
import { Agent, createServer as createHttpServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, BlockList, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { createProxyServer } from "httpxy";
import { networkOf } from "../../../shared/network-of.ts";
import type { Certificate } from "./certificate.ts";
import { FRONT_LIMITS } from "./limits.ts";
import { refuse } from "./refuse.ts";
import { isTrusted, markVisitor, plainAddress } from "./visitor.ts";

export interface FrontOptions {
  host: string;
  /** 0 for any that is free. */
  port: number;
  /** Absent: plain http, for this machine or behind a proxy that has the certificate. */
  certificate?: Certificate;
  /** Proxies whose word about visitors' addresses is taken. */
  trusted?: BlockList;
  /** Whether nobody else may connect: over plain http, from other machines. */
  onlyTrusted: boolean;
  visitorHeader: string;
  /** Whether browsers are told to come by https alone, for this host and none below it. */
  hsts?: boolean;
  /** In place of the limit's own. */
  connectionsPerVisitor?: number;
}

const HOP_HEADERS = ["upgrade", "http2-settings", "connection", "expect"];

const HSTS = `max-age=${FRONT_LIMITS.hstsSeconds}`;

/** workerd closes a connection that idles for 5 s; this side has to be the first. */
const UPSTREAM_IDLE_MS = 3_000;

/**
 * What visitors of a self-hosted edge connect to: it ends TLS, says where they come from, holds them to limits, and hands everything on
 * to workerd on loopback, WebSockets too. It stays while workerd starts again: requests wait a little, then hear `edge_restarting`.
 */
export class Front {
  readonly #options: FrontOptions;
  readonly #server: Server & { setSecureContext?: (context: { cert: string; key: string }) => void };
  readonly #agent = new Agent({ keepAlive: true, timeout: UPSTREAM_IDLE_MS });
  readonly #proxy = createProxyServer({ agent: this.#agent });
  readonly #sockets = new Map<Socket, string>();
  readonly #perVisitor = new Map<string, number>();
  /** Upgraded: no HTTP can be said on them any more. */
  readonly #tunnels = new WeakSet<object>();
  /** Not ended yet. */
  readonly #answers = new Set<ServerResponse>();
  readonly #retried = new WeakSet<IncomingMessage>();
  #target: string | undefined;
  #draining = false;
  #pointed = Promise.withResolvers<void>();
  #waiting = 0;

  constructor(options: FrontOptions) {
    this.#options = options;
    const settings = {
      maxHeaderSize: FRONT_LIMITS.headerBytes,
      headersTimeout: FRONT_LIMITS.headersMs,
      requestTimeout: FRONT_LIMITS.requestMs,
      keepAliveTimeout: FRONT_LIMITS.keepAliveMs,
      connectionsCheckingInterval: FRONT_LIMITS.checkMs,
      keepAlive: true,
      keepAliveInitialDelay: FRONT_LIMITS.tcpKeepAliveMs,
      noDelay: true,
      // Any other kind of upgrade is an ordinary request to us, as HTTP wants it of who does not know that kind.
      shouldUpgradeCallback: isWebSocket,
    };
    const { certificate } = options;
    this.#server = certificate
      ? createHttpsServer({ ...settings, ...certificate, handshakeTimeout: FRONT_LIMITS.tlsHandshakeMs })
      : createHttpServer(settings);
    this.#server.maxConnections = FRONT_LIMITS.connections;
    this.#server.on("connection", (socket: Socket) => this.#admit(socket));
    this.#server.on("request", (request, response) => {
      // What is between a client and the server that it talks to ends here: other upgrades than ours, and "Expect", which Node answered.
      for (const name of HOP_HEADERS) delete request.headers[name];
      markVisitor(request, options.visitorHeader, options.trusted);
      if (options.hsts === true) response.setHeader("strict-transport-security", HSTS);
      this.#answers.add(response);
      response.once("close", () => this.#answers.delete(response));
      void this.#forward(request, response);
    });
    this.#server.on("upgrade", (request, socket, head) => {
      markVisitor(request, options.visitorHeader, options.trusted);
      void this.#upgrade(request, socket, head);
    });
    this.#proxy.on("error", (_error, request, to) => {
      if (!to || this.#tunnels.has(to)) to?.destroy();
      else if (request && to instanceof ServerResponse && this.#mayRetry(request, to)) void this.#retry(request, to);
      else this.#refuse(to);
    });
    this.#proxy.on("proxyReqWs", (upstream, _request, socket) => {
      upstream.once("upgrade", (_answer, other) => {
        this.#tunnels.add(socket);
        // The library passes on a polite end, not one that came without.
        joinEnds(socket, other);
      });
      socket.once("close", () => upstream.destroy());
    });
  }

  /** Resolves with the port. Rejects with Node's error, such as EADDRINUSE. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      const { host, port } = this.#options;
      // Without a host, Node takes all addresses of a machine that has no IPv6, too.
      this.#server.listen({ port, ...(host === "::" ? {} : { host }) }, resolve);
    });
    return (this.#server.address() as AddressInfo).port; // a listening TCP server has one of this form
  }

  /** Where workerd listens now; undefined while it does not. */
  pointAt(target: string | undefined): void {
    this.#target = target;
    if (target === undefined) return;
    this.#pointed.resolve();
    this.#pointed = Promise.withResolvers();
  }

  /** Takes a new certificate for new connections; those that stand go on. */
  renew({ cert, key }: Certificate): void {
    this.#server.setSecureContext?.({ cert, key });
  }

  /** Answers that are on their way. */
  get answering(): number {
    return this.#answers.size;
  }

  /**
   * From now on whoever comes is told to come later, machines too. Resolves once the answers on their way have ended (their tunnels stay
   * for them), after `graceMs`, or when `hurry` aborts.
   */
  async drain(graceMs: number, hurry?: AbortSignal): Promise<void> {
    this.#draining = true;
    this.#pointed.resolve(); // Who waits for workerd waits in vain.
    const enough = sleep(graceMs, undefined, { ref: false, ...(hurry ? { signal: hurry } : {}) });
    const drained = async (): Promise<void> => {
      while (this.#answers.size > 0) await Promise.all([...this.#answers].map((response) => once(response, "close")));
    };
    await Promise.race([drained(), enough.catch(() => undefined)]);
  }

  /** Closes everything. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets.keys()) socket.destroy();
    this.#agent.destroy();
    await closed;
  }

  #admit(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? "");
    const trusted = isTrusted(address, this.#options.trusted);
    const network = networkOf(address);
    const count = (this.#perVisitor.get(network) ?? 0) + 1;
    const most = this.#options.connectionsPerVisitor ?? FRONT_LIMITS.connectionsPerVisitor;
    if ((this.#options.onlyTrusted && !trusted) || (!trusted && count > most)) {
      socket.destroy();
      return;
    }
    this.#sockets.set(socket, network);
    this.#perVisitor.set(network, count);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      const left = (this.#perVisitor.get(network) ?? 1) - 1;
      if (left === 0) this.#perVisitor.delete(network);
      else this.#perVisitor.set(network, left);
    });
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = await this.#upstream();
    if (response.destroyed) return;
    if (target === undefined) return this.#refuse(response);
    // What goes wrong is told to the error listener; the promise repeats it.
    await this.#proxy.web(request, response, { target }).catch(() => undefined);
  }

  /** Whether workerd died under a request that can be asked again without harm, and has not been yet. */
  #mayRetry(request: IncomingMessage, response: ServerResponse): boolean {
    const isSafe = request.method === "GET" || request.method === "HEAD";
    if (!isSafe || response.headersSent || response.destroyed || this.#retried.has(request)) return false;
    this.#retried.add(request);
    return true;
  }

  async #retry(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await sleep(FRONT_LIMITS.noticeMs);
    await this.#forward(request, response);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    const target = await this.#upstream();
    if (socket.destroyed) return;
    if (target === undefined) return this.#refuse(socket);
    await this.#proxy.ws(request, socket as Socket, { target, agent: false }, head).catch(() => undefined); // as above
  }

  /** Where workerd is; waits for it a while if it is not there. */
  async #upstream(): Promise<string | undefined> {
    if (this.#draining) return undefined;
    if (this.#target !== undefined || this.#waiting >= FRONT_LIMITS.waiting) return this.#target;
    this.#waiting++;
    await Promise.race([this.#pointed.promise, sleep(FRONT_LIMITS.patienceMs, undefined, { ref: false })]);
    this.#waiting--;
    return this.#draining ? undefined : this.#target;
  }

  #refuse(to: ServerResponse | Duplex): void {
    refuse(to, this.#draining ? FRONT_LIMITS.restartSeconds : FRONT_LIMITS.againSeconds);
  }
}

function isWebSocket(request: IncomingMessage): boolean {
  return request.method === "GET" && request.headers.upgrade?.toLowerCase() === "websocket";
}

function joinEnds(one: Duplex, other: Duplex): void {
  one.once("close", () => other.destroy());
  other.once("close", () => one.destroy());
}
