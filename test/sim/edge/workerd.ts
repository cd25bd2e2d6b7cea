import { virtualFetch } from "./outbound.ts";
import { VirtualWebSocket, VirtualWebSocketPair } from "./server-socket.ts";

/** `cloudflare:workers`, in place of the runtime's. */
export class DurableObject {
  readonly ctx: unknown;
  readonly env: unknown;

  constructor(ctx: unknown, env: unknown) {
    this.ctx = ctx;
    this.env = env;
  }
}

/** An object whose methods are called from afar. */
export class RpcTarget {
  dup(): this {
    return this;
  }
}

class RequestResponsePair {
  readonly request: string;
  readonly response: string;

  constructor(request: string, response: string) {
    this.request = request;
    this.response = response;
  }
}

/** A Response that may hand out a socket. */
class VirtualResponse extends Response {
  readonly webSocket: VirtualWebSocket | null;

  constructor(
    body?: ConstructorParameters<typeof Response>[0],
    init?: ResponseInit & { webSocket?: VirtualWebSocket },
  ) {
    const upgrades = init?.status === 101;
    super(body ?? null, upgrades ? { ...init, status: 200 } : init);
    this.webSocket = init?.webSocket ?? null;
    if (upgrades) Object.defineProperty(this, "status", { value: 101 });
  }
}

/** What workerd gives code beyond Node: for good, like the rest of the world's globals. */
export function replaceRuntime(): void {
  const values = {
    WebSocket: VirtualWebSocket,
    WebSocketPair: VirtualWebSocketPair,
    WebSocketRequestResponsePair: RequestResponsePair,
    Response: VirtualResponse,
    fetch: virtualFetch,
  };
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
