import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { Courier } from "../../../edge/webhooks/courier.ts";
import { WEBHOOK_LIMITS } from "../../../edge/webhooks/limits.ts";
import { type TryOutcome, webhookSender } from "../../../edge/webhooks/send.ts";
import { createWebhookSecret, signedHeaders } from "../../../edge/webhooks/sign.ts";
import { fromBase64, toBase64 } from "../../../shared/base64.ts";
import { parseAllowedHosts } from "../../../shared/net/outbound-url.ts";
import { PRIVATE_URLS, STRANGE_URLS } from "../../support/ssrf-corpus.ts";

const URL_A = "https://a.example.com/hook";
const OK: TryOutcome = { ok: true, status: 204, failure: null };
const BROKEN: TryOutcome = { ok: false, status: 500, failure: "status" };

interface Sent {
  url: string;
  headers: Record<string, string>;
  body: string;
  answer(outcome: TryOutcome): Promise<void>;
}

/** A courier over a real object's SQLite; every try waits until the test answers it. */
class Post {
  nowMs = Date.UTC(2026, 10, 22);
  readonly sent: Sent[] = [];
  courier: Courier;
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const table of ["webhook_receivers", "webhook_deliveries"]) sql.exec(`DROP TABLE IF EXISTS ${table}`);
    this.courier = this.open();
  }

  open(): Courier {
    return new Courier({
      sql: this.#sql,
      now: () => this.nowMs,
      random: () => 0,
      onSettled: () => undefined,
      send: async (url, headers, body) => {
        const { promise, resolve } = Promise.withResolvers<TryOutcome>();
        const answer = async (outcome: TryOutcome): Promise<void> => {
          resolve(outcome);
          await new Promise((done) => setTimeout(done, 0));
        };
        this.sent.push({ url, headers, body, answer });
        return await promise;
      },
    });
  }

  get last(): Sent {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error("nothing was sent");
    return last;
  }

  at(afterMs: number): void {
    this.nowMs += afterMs;
    this.courier.tick();
  }

  async answer(outcome: TryOutcome): Promise<void> {
    await this.last.answer(outcome);
  }
}

function withPost(name: string, run: (post: Post) => Promise<void>): void {
  it(name, async () => {
    await runInDurableObject(
      env.HOME.getByName("post"),
      async (_home, state) => await run(new Post(state.storage.sql)),
    );
  });
}

describe("a signature", () => {
  it("is what the standard's own library and WebCrypto say it is", async () => {
    const secret = createWebhookSecret();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const payload = JSON.stringify({ type: "job.completed", data: { name: "Grüße, 世界" } });
    const now = Date.now();
    const headers = signedHeaders({ id: "msg_1", payload }, [secret], now);
    expect(new Webhook(secret).verify(payload, headers)).toEqual(JSON.parse(payload));
    expect(() => new Webhook(secret).verify(`${payload} `, headers)).toThrow("No matching signature");
    const key = await crypto.subtle.importKey(
      "raw",
      fromBase64(secret.slice(6)),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const signed = new TextEncoder().encode(`msg_1.${Math.floor(now / 1000)}.${payload}`);
    const own = toBase64(new Uint8Array(await crypto.subtle.sign("HMAC", key, signed)));
    expect(headers["webhook-signature"]).toBe(`v1,${own}`);
  });

  it("is the standard's example", () => {
    // From the documentation of Standard Webhooks' reference libraries.
    const headers = signedHeaders(
      { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", payload: '{"test": 2432232314}' },
      ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
      1_614_265_330_000,
    );
    expect(headers["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });
});

describe("the courier", () => {
  withPost("sends a message to each receiver of its person, signed, and is done with a 2xx", async (post) => {
    const { secret } = post.courier.add("ann", URL_A);
    post.courier.add("ben", "https://b.example.com/");
    post.courier.post("ann", "job.completed", { id: "job_1" });
    post.courier.tick();
    expect(post.sent.map(({ url }) => url)).toEqual([URL_A]);
    const { headers, body } = post.last;
    expect(JSON.parse(body)).toEqual({
      type: "job.completed",
      timestamp: "2026-11-22T00:00:00.000Z",
      data: { id: "job_1" },
    });
    const again = new Webhook(secret).sign(headers["webhook-id"] ?? "", new Date(post.nowMs), body);
    expect(headers["webhook-signature"]).toBe(again);
    await post.answer(OK);
    expect(post.courier.nextAtMs()).toBeUndefined();
    const [receiver] = post.courier.list("ann");
    expect(post.courier.log(receiver?.id ?? "")).toMatchObject([
      { state: "delivered", tries: [{ status: 204, failure: null }] },
    ]);
  });

  withPost("tries ten times with growing pauses, always the same message, then gives up", async (post) => {
    const { id } = post.courier.add("ann", URL_A);
    post.courier.post("ann", "job.failed", {});
    post.courier.tick();
    for (const pauseMs of WEBHOOK_LIMITS.pausesMs) {
      await post.answer(BROKEN);
      expect(post.courier.nextAtMs()).toBe(post.nowMs + pauseMs);
      const tries = post.sent.length;
      post.at(pauseMs - 1);
      expect(post.sent).toHaveLength(tries);
      post.at(1);
      expect(post.sent).toHaveLength(tries + 1);
    }
    await post.answer(BROKEN);
    expect(post.sent).toHaveLength(10);
    expect(new Set(post.sent.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(post.sent.map(({ body }) => body)).size).toBe(1);
    expect(new Set(post.sent.map(({ headers }) => headers["webhook-timestamp"])).size).toBe(10);
    expect(post.courier.log(id)).toMatchObject([{ state: "failed" }]);
    expect(post.courier.nextAtMs()).toBeUndefined();
  });

  withPost("sends again what was under way when the object went", async (post) => {
    const { id } = post.courier.add("ann", URL_A);
    post.courier.post("ann", "job.completed", {});
    post.courier.tick();
    post.courier = post.open();
    expect(post.courier.nextAtMs()).toBe(post.nowMs + WEBHOOK_LIMITS.leaseMs);
    post.at(WEBHOOK_LIMITS.leaseMs);
    expect(post.sent).toHaveLength(2);
    await post.answer(OK);
    expect(post.courier.log(id)).toMatchObject([{ state: "delivered", attempts: 2 }]);
  });

  withPost("signs by both secrets for a day after a change", async (post) => {
    const { id, secret: old } = post.courier.add("ann", URL_A);
    const { secret: fresh } = post.courier.rotate(id);
    expect(fresh).not.toBe(old);
    const signaturesNow = async (): Promise<string[]> => {
      post.courier.post("ann", "webhook.test", {});
      post.courier.tick();
      const { headers } = post.last;
      await post.answer(OK);
      return headers["webhook-signature"]?.split(" ") ?? [];
    };
    expect(await signaturesNow()).toHaveLength(2);
    post.nowMs += WEBHOOK_LIMITS.oldSecretMs;
    expect(await signaturesNow()).toHaveLength(1);
  });

  withPost("does not let a receiver that hangs hold up another", async (post) => {
    post.courier.add("ann", URL_A);
    post.courier.add("ben", "https://b.example.com/");
    for (let n = 0; n < 150; n++) post.courier.post("ann", "job.completed", { n });
    post.nowMs += 1;
    post.courier.post("ben", "job.completed", {});
    post.courier.tick();
    expect(post.sent.map(({ url }) => url)).toEqual([URL_A, URL_A, "https://b.example.com/"]);
  });

  withPost("sends nothing more to one that says it is gone, until its secret is changed", async (post) => {
    const { id } = post.courier.add("ann", URL_A);
    post.courier.post("ann", "job.completed", {});
    post.courier.post("ann", "job.failed", {});
    post.courier.tick();
    await post.sent[0]?.answer({ ok: false, status: 410, failure: "status" });
    expect(post.courier.find(id)?.goneAtMs).toBe(post.nowMs);
    post.courier.post("ann", "job.completed", {});
    expect(post.courier.log(id)).toHaveLength(2);
    expect(post.courier.nextAtMs()).toBeUndefined();
    post.courier.rotate(id);
    post.courier.post("ann", "job.completed", {});
    expect(post.courier.log(id)).toHaveLength(3);
  });

  withPost("keeps ten receivers of a person and two hundred messages of each", async (post) => {
    for (let n = 0; n < WEBHOOK_LIMITS.perPerson; n++) post.courier.add("ann", URL_A);
    expect(() => post.courier.add("ann", URL_A)).toThrow(expect.objectContaining({ code: "too_many_webhooks" }));
    post.courier.removeOf("ann");
    expect(post.courier.list("ann")).toEqual([]);
    post.courier.tick();
    expect(post.sent).toEqual([]);
  });
});

describe("the sender", () => {
  it("asks for no address of the corpus", async () => {
    let asked = 0;
    const send = webhookSender([], async () => {
      asked += 1;
      return new Response();
    });
    for (const url of [...PRIVATE_URLS, ...STRANGE_URLS]) {
      expect([url, await send(url.replace("PORT", "8443"), {}, "{}")]).toEqual([
        url,
        { ok: false, status: null, failure: "refused" },
      ]);
    }
    expect(asked).toBe(0);
  });

  it("tells what came of a try, and follows nobody", async () => {
    const outcomes = new Map<string, Response | Error>([
      ["200", new Response("x")],
      ["302", new Response(null, { status: 302, headers: { location: "http://127.0.0.1/" } })],
      ["500", new Response("x", { status: 500 })],
      ["guard", new Response(null, { status: 502, headers: { "porchlight-refused": "address" } })],
      ["down", new Response(null, { status: 502, headers: { "porchlight-refused": "unreachable" } })],
      ["late", new DOMException("late", "TimeoutError")],
      ["broken", new TypeError("Network connection lost.")],
    ]);
    const inits: (RequestInit | undefined)[] = [];
    const send = webhookSender(parseAllowedHosts("nas.local"), async (input, init) => {
      inits.push(init);
      const outcome = outcomes.get(new URL(new Request(input).url).pathname.slice(1));
      if (outcome instanceof Response) return outcome;
      throw outcome ?? new Error("unknown");
    });
    const found: Record<string, unknown> = {};
    for (const name of outcomes.keys()) found[name] = (await send(`http://nas.local/${name}`, {}, "{}")).failure;
    expect(found).toEqual({
      "200": null,
      "302": "redirect",
      "500": "status",
      guard: "refused",
      down: "unreachable",
      late: "timeout",
      broken: "unreachable",
    });
    expect(new Set(inits.map((init) => init?.redirect))).toEqual(new Set(["manual"]));
  });
});
