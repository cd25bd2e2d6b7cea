import type { Context, MiddlewareHandler } from "hono";
import { z } from "zod";
import { apiKeyOf } from "../../shared/api/headers.ts";
import { readBytes } from "../../shared/api/json-body.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import { concatBytes } from "../../shared/bytes.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { CallerSeal } from "../credentials/caller-seal.ts";
import { IDEMPOTENCY_LIMITS as LIMITS } from "../credentials/limits.ts";
import { randomSecret } from "../credentials/secret.ts";
import { readSessionCookie } from "../credentials/session-cookie.ts";
import type { Account, AppEnv } from "../env.ts";
import { type Database, database } from "../store/database.ts";
import { type Claim, claimKey, findKey, keepAnswer, releaseKey, renewLease } from "../store/idempotency.ts";
import { recordedBody } from "./recorded-body.ts";

const HEADER = "idempotency-key";
/** Printable ASCII: what every client and log writes alike. */
const KEY_SHAPE = new RegExp(`^[\\x20-\\x7e]{1,${LIMITS.keyCharacters}}$`);
/** What a client sees of an answer again, beside what every answer has. */
const KEPT_HEADERS = ["content-type", "cache-control", "x-accel-buffering"] as const;
/** An answer that broke off is none: in chat completions, in Ollama's lines, in Anthropic's events, in the Responses API. */
const STREAMED_ERROR = /^(?:(?:data: )?\{"error"|event: (?:error|response\.failed)$)/m;
/** Answers that are sent while they are made: events, or lines of JSON. */
const STREAMED = /^(?:text\/event-stream|application\/x-ndjson)\b/;

/** What is kept of an answer: this as JSON, a line's end, the body. */
const headSchema = z.object({ status: z.number().int(), headers: z.record(z.string(), z.string()) });
type Head = z.infer<typeof headSchema>;
const NEWLINE = 0x0a;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * `Idempotency-Key` on POST, for whoever is known: the first request under a key is carried out, and whoever sends it again within 24
 * hours gets its answer, streamed ones too. An answer is kept if it is a success and not too large; otherwise the key is free again.
 * While the first one runs, another is refused with 409, and so is one with another body. Keys are the caller's own.
 */
export const idempotency: MiddlewareHandler<AppEnv> = async (c, next) => {
  const key = c.req.header(HEADER);
  const { account } = c.var;
  if (key === undefined || account === undefined || c.req.method !== "POST") return await next();
  if (!KEY_SHAPE.test(key)) {
    const sentence = `'Idempotency-Key' takes 1 to ${LIMITS.keyCharacters} printable ASCII characters.`;
    throw new PorchlightError("invalid_request", sentence, { param: "Idempotency-Key" });
  }
  const seal = await CallerSeal.of(credentialOf(c, account), "idempotency");
  const body = new Uint8Array(await readBytes(c.req.raw, API_LIMITS.bodyBytes));
  c.req.raw = new Request(c.req.raw, { method: "POST", body });
  const claim: Claim = { id: await seal.fingerprint("key", key), token: randomSecret(LIMITS.tokenBytes) };
  const fingerprint = await seal.fingerprint("request", c.req.url, body);
  const db = database(c.env.DB);
  if (!(await claimFor(db, claim, account, fingerprint))) return await replay(c, seal, claim.id, fingerprint);
  const carriedOut = carryOut(c, next, new Work(db, claim, seal));
  // Also where the client has left: what was done must be written down.
  c.executionCtx.waitUntil(carriedOut.catch(() => undefined)); // it is thrown below
  return await carriedOut;
};

/** Runs the request and keeps its answer: before it goes out, or while it does if it is a stream. */
async function carryOut(c: Context<AppEnv>, next: () => Promise<void>, work: Work): Promise<void> {
  try {
    await next();
  } catch (error) {
    await work.release();
    throw error;
  }
  const { res } = c;
  if (!res.ok) return await work.release();
  const head = { status: res.status, headers: keptHeaders(res.headers) };
  if (res.body === null || !isStream(res.headers.get("content-type"))) {
    const body = new Uint8Array(await res.arrayBuffer());
    await work.keep(head, body);
    c.res = new Response(res.body === null ? null : body, res);
    return;
  }
  const body = recordedBody(res.body, LIMITS.answerBytes, {
    onEnd: (bytes) => work.keep(head, bytes),
    onLost: () => c.executionCtx.waitUntil(work.release()),
  });
  c.res = new Response(body, res);
}

/** A request that holds its key: it says so again and again until it has ended. */
class Work {
  readonly #db: Database;
  readonly #claim: Claim;
  readonly #seal: CallerSeal;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(db: Database, claim: Claim, seal: CallerSeal) {
    this.#db = db;
    this.#claim = claim;
    this.#seal = seal;
    this.#timer = setInterval(() => void this.#renew(), LIMITS.leaseMs / 3);
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#quietly(releaseKey(this.#db, this.#claim));
  }

  /** Keeps an answer, or gives the key back where that cannot be. */
  async keep(head: Head, body: Uint8Array | undefined): Promise<void> {
    clearInterval(this.#timer);
    if (body === undefined || body.length > LIMITS.answerBytes || isBrokenOff(head, body)) return await this.release();
    const stored = concatBytes([encoder.encode(`${JSON.stringify(head)}\n`), body]);
    const answer = await this.#seal.seal(stored, this.#claim.id);
    const kept = await this.#quietly(keepAnswer(this.#db, this.#claim, answer, LIMITS.bytesPerCaller));
    if (kept !== true) await this.release();
  }

  async #renew(): Promise<void> {
    await this.#quietly(renewLease(this.#db, this.#claim, Date.now() + LIMITS.leaseMs));
  }

  /** The answer itself must not fail because it could not be kept. */
  async #quietly<Value>(write: Promise<Value>): Promise<Value | undefined> {
    try {
      return await write;
    } catch (error) {
      console.error("an idempotency key could not be written:", error);
      return undefined;
    }
  }
}

async function claimFor(db: Database, claim: Claim, account: Account, fingerprint: string): Promise<boolean> {
  const now = Date.now();
  const caller = account.key?.id ?? account.session?.id ?? account.userId;
  const times = { leaseUntil: now + LIMITS.leaseMs, expiresAt: now + LIMITS.keptMs };
  return await claimKey(
    db,
    { ...claim, ...times, caller, userId: account.userId, fingerprint },
    LIMITS.keysPerCaller,
    now,
  );
}

/** The answer of the request that had the key first. Throws for a request that is another, or comes too early. */
async function replay(c: Context<AppEnv>, seal: CallerSeal, id: string, fingerprint: string): Promise<Response> {
  const found = await findKey(database(c.env.DB), id);
  if (!found) {
    const sentence = `There are ${LIMITS.keysPerCaller} idempotency keys of the last 24 hours. Send the request without one.`;
    throw new PorchlightError("rate_limited", sentence, { retryAfterMs: LIMITS.leaseMs });
  }
  if (found.fingerprint !== fingerprint) {
    // SDKs try again after 409 unless they are told not to.
    c.header("x-should-retry", "false");
    throw new PorchlightError("idempotency_key_reused");
  }
  if (found.answer === null) {
    throw new PorchlightError("idempotency_key_in_use", undefined, { retryAfterMs: LIMITS.retryMs });
  }
  const stored = await seal.open(found.answer, id);
  const end = stored.indexOf(NEWLINE);
  const { status, headers } = headSchema.parse(JSON.parse(decoder.decode(stored.subarray(0, end))));
  const body = stored.slice(end + 1);
  return new Response(body.length === 0 ? null : body, {
    status,
    headers: { ...headers, "idempotent-replayed": "true" },
  });
}

function keptHeaders(headers: Headers): Record<string, string> {
  const kept = KEPT_HEADERS.map((name) => [name, headers.get(name)] as const);
  return Object.fromEntries(
    kept.filter((entry): entry is [(typeof KEPT_HEADERS)[number], string] => entry[1] !== null),
  );
}

function isBrokenOff({ headers }: Head, body: Uint8Array): boolean {
  return isStream(headers["content-type"]) && STREAMED_ERROR.test(decoder.decode(body));
}

function isStream(contentType: string | null | undefined): boolean {
  return STREAMED.test(contentType ?? "");
}

/** The secret that the caller showed, which `authenticate` found good. */
function credentialOf(c: Context<AppEnv>, account: Account): string {
  const shown = account.session ? readSessionCookie(c) : apiKeyOf(c);
  if (!shown) throw new Error("A caller is known without a credential.");
  return shown;
}
