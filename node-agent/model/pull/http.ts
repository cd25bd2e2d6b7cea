import { PorchlightError } from "../../../shared/errors.ts";
import { VERSION } from "../../version.ts";

export interface HttpOptions {
  /** Requests to this origin carry the token; no other ever does. */
  tokenOrigin: string;
  token?: string;
  /** A connection that brings nothing for so long is given up. */
  idleMs?: number;
}

export interface ByteRange {
  start: number;
  /** Exclusive. */
  end: number;
}

/** An answer whose body is read within the limits of the request. */
export interface Answer {
  response: Response;
  /** Where the redirects ended. */
  url: string;
  /** The body's pieces. Throws `model_download_failed` when the connection breaks or falls silent. */
  body: AsyncIterable<Uint8Array>;
}

const MAX_REDIRECTS = 8;
const IDLE_MS = 30_000;

/** GET with redirects followed by our own rules: never from https to http, and the token stays with its origin. */
export class HttpClient {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /**
   * Resolves with an answer of status 2xx. Throws `model_download_failed` for what may pass (network, 408, 429, 5xx), `forbidden`,
   * `model_not_found` or `model_source_invalid` for what will not, and the signal's reason when aborted.
   */
  async get(start: string, init: { range?: ByteRange; signal?: AbortSignal } = {}): Promise<Answer> {
    const idle = new IdleTimer(this.#options.idleMs ?? IDLE_MS, init.signal);
    try {
      let url = start;
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
        const response = await this.#send(url, init.range, idle);
        const next = redirectTarget(response, url);
        if (next === undefined) {
          if (!response.ok) throw await refusal(response, url);
          return { response, url, body: pieces(response, url, idle) };
        }
        await response.body?.cancel();
        url = next;
      }
      throw new PorchlightError("model_source_invalid", `${hostOf(start)} redirects more than ${MAX_REDIRECTS} times.`);
    } catch (error) {
      idle.stop();
      throw error;
    }
  }

  async #send(url: string, range: ByteRange | undefined, idle: IdleTimer): Promise<Response> {
    const headers: Record<string, string> = { "user-agent": `porchlight/${VERSION}`, "accept-encoding": "identity" };
    if (range !== undefined) headers.range = `bytes=${range.start}-${range.end - 1}`;
    if (this.#options.token !== undefined && maySeeToken(url, this.#options.tokenOrigin)) {
      headers.authorization = `Bearer ${this.#options.token}`;
    }
    idle.restart();
    try {
      return await fetch(url, { headers, redirect: "manual", signal: idle.signal });
    } catch (error) {
      throw idle.explain(error, url);
    }
  }
}

/** Aborts a request that falls silent, or whose owner aborts it. */
class IdleTimer {
  readonly #silence = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #idleMs: number;
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;

  constructor(idleMs: number, outer: AbortSignal | undefined) {
    this.#idleMs = idleMs;
    this.#outer = outer;
    this.signal = outer === undefined ? this.#silence.signal : AbortSignal.any([this.#silence.signal, outer]);
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#silence.abort(), this.#idleMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  explain(cause: unknown, url: string): unknown {
    if (this.#outer?.aborted) return this.#outer.reason;
    const why = this.#silence.signal.aborted
      ? `sent nothing for ${this.#idleMs / 1000} s`
      : `broke off${causeOf(cause)}`;
    return new PorchlightError(
      "model_download_failed",
      `The connection to ${hostOf(url)} ${why}. Pull again: what has arrived is kept.`,
      { cause },
    );
  }
}

async function* pieces(response: Response, url: string, idle: IdleTimer): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  try {
    for await (const piece of response.body) {
      idle.restart();
      yield piece;
    }
  } catch (error) {
    throw idle.explain(error, url);
  } finally {
    idle.stop();
  }
}

/** Reads a whole body of at most `maxBytes` as JSON. Throws `model_source_invalid` for a longer one and for what is no JSON. */
export async function readJson({ url, body }: Answer, maxBytes: number): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > maxBytes)
      throw new PorchlightError("model_source_invalid", `${hostOf(url)} answered with more than ${maxBytes} bytes.`);
    parts.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (cause) {
    throw new PorchlightError("model_source_invalid", `${hostOf(url)} did not answer with JSON. Is it a hub?`, {
      cause,
    });
  }
}

function redirectTarget(response: Response, from: string): string | undefined {
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined;
  const target = URL.parse(response.headers.get("location") ?? "", from);
  const isAllowed = target?.protocol === "https:" || (target?.protocol === "http:" && from.startsWith("http:"));
  if (target !== null && isAllowed) return target.href;
  throw new PorchlightError("model_source_invalid", `${hostOf(from)} redirects to an address that is not https.`);
}

/** Secrets go over TLS, or nowhere beyond this machine. */
function maySeeToken(url: string, tokenOrigin: string): boolean {
  const { origin, protocol, hostname } = new URL(url);
  return origin === tokenOrigin && (protocol === "https:" || ["127.0.0.1", "localhost", "[::1]"].includes(hostname));
}

async function refusal(response: Response, url: string): Promise<PorchlightError> {
  await response.body?.cancel();
  const { status } = response;
  const what = `${hostOf(url)} answered with status ${status}`;
  if (status === 401 || status === 403) {
    return new PorchlightError(
      "forbidden",
      `${what}: there is no such model, or it is private or gated. Accept its terms on its page and set HF_TOKEN to your token.`,
    );
  }
  if (status === 404 || status === 410)
    return new PorchlightError("model_not_found", `${what}: there is no such model, file or revision.`);
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterMs = retryAfter(response.headers.get("retry-after"));
    const details = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new PorchlightError(
      "model_download_failed",
      `${what}. Pull again later: what has arrived is kept.`,
      details,
    );
  }
  return new PorchlightError("model_source_invalid", `${what}, which no download can use.`);
}

/** Milliseconds that a Retry-After header asks for: seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : undefined;
}

function causeOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error && inner.message !== "" ? ` (${inner.message})` : "";
}

/** The host of an address, for sentences: never its path or query, which may hold signatures. */
export function hostOf(url: string): string {
  return new URL(url).host;
}
