import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** What a test's hub does with one request for a file's content, besides answering it. */
export interface Fault {
  /** Cuts the connection after so many bytes of the body. */
  dropAfter?: number;
  /** Answers with this status instead. */
  status?: number;
  headers?: Record<string, string>;
  /** Sends wrong bytes. */
  corrupt?: boolean;
  /** Answers with the whole file, whatever range was asked for. */
  ignoreRange?: boolean;
  /** Says so much more (or less) than the truth about the file's size. */
  sizeLie?: number;
  /** Sends so many bytes behind the end of what was asked for. */
  excess?: number;
  /** Sends nothing any more after so many bytes, and keeps the connection. */
  stallAfter?: number;
  redirect?: string;
  /** Waits so long between pieces of the body. */
  pauseMs?: number;
}

export interface HubOptions {
  files: Record<string, Uint8Array>;
  /** Files that are in large file storage, with a SHA-256; all others have a Git id. */
  isLarge?: (path: string) => boolean;
  fault?: (request: { path: string; range: string | undefined; count: number }) => Fault | undefined;
  /** Changes the listing before it is sent. */
  listing?: (listing: Listing) => unknown;
  listingStatus?: (count: number) => number;
  pieceBytes?: number;
}

export interface Listing {
  id: string;
  sha: string;
  siblings: {
    rfilename: string;
    size?: number;
    blobId?: string;
    lfs?: { sha256: string; size: number; pointerSize: number };
  }[];
}

/** A local server that speaks the hub's API, misbehaves as told, and counts. */
export class TestHub implements AsyncDisposable {
  /** Bytes of bodies sent, by file. */
  readonly sent = new Map<string, number>();
  readonly requests: { url: string; range: string | undefined; authorization: string | undefined }[] = [];
  readonly #server: Server;
  options: HubOptions;
  #sending = 0;
  #listings = 0;

  private constructor(options: HubOptions) {
    this.options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    });
  }

  static async start(options: HubOptions): Promise<TestHub> {
    const hub = new TestHub(options);
    hub.#server.listen(0, "127.0.0.1");
    await once(hub.#server, "listening");
    return hub;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // a TCP server's address is never a string
  }

  get totalSent(): number {
    return [...this.sent.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Resolves once no body is being sent any more. */
  async settled(): Promise<void> {
    while (this.#sending > 0) await sleep(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.endpoint);
    const { range, authorization } = request.headers;
    this.requests.push({ url: url.pathname, range, authorization });
    if (url.pathname.startsWith("/api/models/")) return this.#list(response, url);
    const path = decodeURIComponent(url.pathname.split("/").slice(5).join("/"));
    const content = this.options.files[path];
    if (content === undefined) return void response.writeHead(404).end();
    const count = this.requests.length;
    await this.#send(response, path, content, range, this.options.fault?.({ path, range, count }) ?? {});
  }

  #list(response: ServerResponse, url: URL): void {
    const status = this.options.listingStatus?.(++this.#listings) ?? 200;
    if (status !== 200) return void response.writeHead(status, { "retry-after": "0" }).end();
    const siblings = Object.entries(this.options.files).map(([rfilename, content]) => {
      const size = content.length;
      if (!this.#isLarge(rfilename)) {
        const blobId = createHash("sha1").update(`blob ${size}\0`).update(content).digest("hex");
        return { rfilename, size, blobId };
      }
      const sha256 = createHash("sha256").update(content).digest("hex");
      return { rfilename, size, blobId: "f".repeat(40), lfs: { sha256, size, pointerSize: 130 } };
    });
    const id = url.pathname.split("/").slice(3, 5).join("/");
    const listing: Listing = { id, sha: COMMIT, siblings };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(this.options.listing?.(listing) ?? listing));
  }

  #isLarge(path: string): boolean {
    return this.options.isLarge?.(path) ?? /\.(safetensors|gguf)$/.test(path);
  }

  async #send(
    response: ServerResponse,
    path: string,
    content: Uint8Array,
    range: string | undefined,
    fault: Fault,
  ): Promise<void> {
    if (fault.redirect !== undefined) return void response.writeHead(302, { location: fault.redirect }).end();
    if (fault.status !== undefined) return void response.writeHead(fault.status, fault.headers).end();
    const asked = fault.ignoreRange ? undefined : /^bytes=(\d+)-(\d+)$/.exec(range ?? "");
    const [start, end] = asked
      ? [Number(asked[1]), Math.min(Number(asked[2]) + 1, content.length)]
      : [0, content.length];
    const body = Buffer.from(content.subarray(start, end));
    if (fault.corrupt) body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
    const total = content.length + (fault.sizeLie ?? 0);
    const length = { "content-length": body.length + (fault.excess ?? 0), etag: '"v1"', ...fault.headers };
    if (asked) response.writeHead(206, { ...length, "content-range": `bytes ${start}-${end - 1}/${total}` });
    else response.writeHead(200, length);
    this.#sending += 1;
    try {
      await this.#stream(response, path, Buffer.concat([body, Buffer.alloc(fault.excess ?? 0)]), fault);
    } finally {
      this.#sending -= 1;
    }
  }

  async #stream(response: ServerResponse, path: string, body: Buffer, fault: Fault): Promise<void> {
    const pieceBytes = this.options.pieceBytes ?? 16 * 1024;
    const limit = fault.dropAfter ?? fault.stallAfter ?? body.length;
    for (let at = 0; at < Math.min(limit, body.length); at += pieceBytes) {
      const piece = body.subarray(at, Math.min(at + pieceBytes, limit));
      this.sent.set(path, (this.sent.get(path) ?? 0) + piece.length);
      const isTaken = response.write(piece);
      if (response.destroyed) return;
      if (!isTaken) await drained(response);
      if (fault.pauseMs !== undefined) await sleep(fault.pauseMs);
    }
    if (fault.stallAfter !== undefined) return;
    if (fault.dropAfter !== undefined && fault.dropAfter < body.length) {
      await sleep(1); // what was written leaves first: the cut is where the test put it
      response.destroy();
    } else {
      response.end();
    }
  }
}

async function drained(response: ServerResponse): Promise<void> {
  const done = new AbortController();
  const events = ["drain", "close"].map((event) => once(response, event, { signal: done.signal }));
  await Promise.race(events).finally(() => done.abort());
}

/** Bytes that look random and are the same for the same seed. */
export function noise(seed: number, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  let state = seed * 2_654_435_761 + 1;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    out[i] = state >>> 24;
  }
  return out;
}
