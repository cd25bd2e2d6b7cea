/**
 * What the market asks of Stripe's API, answered as Stripe's reference describes it (objects cut to what matters here), with its idempotency
 * keys. A pure handler: behind a server on loopback, or in place of `fetch` in workerd. It is no Stripe: what it lets through is not thereby
 * known to work there.
 */

export const SECRET_KEY = "sk_test_standin";

export interface Asked {
  method: string;
  path: string;
  /** Form fields or query, as the SDK wrote them: `line_items[0][quantity]`. */
  fields: Record<string, string>;
  idempotencyKey: string | null;
  /** Of the connected account that it is asked for; null: the market's own. */
  account: string | null;
}

type StripeObject = Record<string, unknown> & { id: string };

const AT = Date.UTC(2026, 10, 1) / 1000;

export class StripeStandIn {
  readonly asked: Asked[] = [];
  readonly objects = new Map<string, StripeObject>();
  /** Answers to make in place of one's own, the first one first. */
  readonly broken: (() => Response)[] = [];
  readonly #answers = new Map<string, { form: string; status: number; body: string }>();
  #made = 0;

  readonly handle = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const text = new TextDecoder().decode(await request.arrayBuffer());
    const form = request.method === "GET" ? url.searchParams : new URLSearchParams(text);
    const asked: Asked = {
      method: request.method,
      path: url.pathname,
      fields: Object.fromEntries(form),
      idempotencyKey: request.headers.get("idempotency-key"),
      account: request.headers.get("stripe-account"),
    };
    this.asked.push(asked);
    const wrong = this.#wrongHeaders(request);
    if (wrong !== undefined) return refusal(401, "invalid_request_error", wrong);
    const broken = this.broken.shift();
    if (broken !== undefined) return broken();
    const { idempotencyKey: key } = asked;
    const known = key === null ? undefined : this.#answers.get(key);
    if (known !== undefined) {
      if (known.form !== `${asked.path} ${text}`) return refusal(400, "idempotency_error", "Keys are for one request.");
      return answer(known.status, known.body);
    }
    const [status, body] = this.#answer(asked);
    if (key !== null) this.#answers.set(key, { form: `${asked.path} ${text}`, status, body: JSON.stringify(body) });
    return answer(status, JSON.stringify(body));
  };

  put(object: StripeObject): StripeObject {
    this.objects.set(object.id, object);
    return object;
  }

  /** A payment that succeeded, with its charge and what Stripe kept. */
  paid(id: string, amount: number, currency: string, fee: number | null): void {
    const transaction = fee === null ? null : { id: `txn_${id}`, object: "balance_transaction", fee, currency };
    if (transaction !== null) this.put(transaction);
    const charge = {
      id: `ch_${id}`,
      object: "charge",
      created: AT,
      amount,
      currency,
      payment_intent: id,
      receipt_url: `https://pay.stripe.test/receipts/${id}`,
      balance_transaction: transaction,
    };
    this.put(charge);
    this.put({ id, object: "payment_intent", amount_received: amount, currency, latest_charge: charge });
  }

  #wrongHeaders({ headers, method }: Request): string | undefined {
    if (headers.get("authorization") !== `Bearer ${SECRET_KEY}`) return "No such key.";
    if (!/^\d{4}-\d{2}-\d{2}\.\w+$/.test(headers.get("stripe-version") ?? "")) return "No version.";
    const type = headers.get("content-type") ?? "";
    if (method === "POST" && !type.startsWith("application/x-www-form-urlencoded")) return "Forms only.";
    return undefined;
  }

  #answer({ method, path, fields }: Asked): [number, object] {
    const [, , kind = "", first = "", second = "", third = ""] = path.split("/");
    const route = `${method} ${kind}`;
    if (kind === "checkout") return this.#checkout(method, second, third, fields);
    if (route === "GET transfers") {
      const data = [...this.objects.values()].filter(
        ({ object, transfer_group }) => object === "transfer" && transfer_group === fields["transfer_group"],
      );
      return [200, { object: "list", url: "/v1/transfers", has_more: false, data }];
    }
    if (method === "GET") return this.#found(first);
    if (route === "POST transfers") return this.#transfer(fields);
    if (route === "POST refunds") return this.#refund(fields);
    if (route === "POST accounts")
      return this.#new("acct", { object: "account", payouts_enabled: false, capabilities: { transfers: "inactive" } });
    if (route === "POST account_links")
      return [200, { object: "account_link", created: AT, expires_at: AT + 300, url: "https://connect.stripe.test/s" }];
    if (kind === "subscriptions") return this.#subscription(method, first, fields);
    return notFound(path);
  }

  #checkout(method: string, id: string, action: string, fields: Record<string, string>): [number, object] {
    if (method === "GET") return this.#found(id);
    if (action === "expire") {
      const session = this.objects.get(id);
      if (session?.["status"] !== "open") return [400, error("invalid_request_error", "Only open sessions expire.")];
      return [200, this.put({ ...session, status: "expired" })];
    }
    const { mode, success_url, cancel_url } = fields;
    const made = {
      object: "checkout.session",
      mode,
      success_url,
      cancel_url,
      status: "open",
      payment_status: "unpaid",
    };
    const sessionId = `cs_test_${++this.#made}`;
    return [200, this.put({ id: sessionId, ...made, url: `https://checkout.stripe.test/c/${sessionId}` })];
  }

  #transfer(fields: Record<string, string>): [number, object] {
    const { destination = "", transfer_group, amount, currency } = fields;
    const capable = (this.objects.get(destination)?.["capabilities"] ?? {}) as { transfers?: string };
    if (capable.transfers !== "active")
      return [
        400,
        error(
          "invalid_request_error",
          "The account cannot be transferred to.",
          "insufficient_capabilities_for_transfer",
        ),
      ];
    return this.#new("tr", { object: "transfer", destination, transfer_group, amount: Number(amount), currency });
  }

  #refund(fields: Record<string, string>): [number, object] {
    const { payment_intent = "", amount = "0" } = fields;
    const intent = this.objects.get(payment_intent);
    const before = Number(intent?.["refunded"] ?? 0);
    if (intent === undefined) return notFound(payment_intent);
    if (before + Number(amount) > Number(intent["amount_received"]))
      return [400, error("invalid_request_error", "Charge has already been refunded.", "charge_already_refunded")];
    this.put({ ...intent, refunded: before + Number(amount) });
    const metadata = { reason: fields["metadata[reason]"] };
    return this.#new("re", { object: "refund", status: "succeeded", amount: Number(amount), payment_intent, metadata });
  }

  #subscription(method: string, id: string, fields: Record<string, string>): [number, object] {
    const found = this.objects.get(id);
    if (found === undefined || found["status"] === "canceled") return notFound(id);
    if (method === "DELETE") return [200, this.put({ ...found, status: "canceled" })];
    const cancel_at_period_end = fields["cancel_at_period_end"] === "true";
    return [200, this.put({ ...found, cancel_at_period_end })];
  }

  #new(prefix: string, object: object): [number, object] {
    return [200, this.put({ id: `${prefix}_${++this.#made}`, ...object })];
  }

  #found(id: string): [number, object] {
    const found = this.objects.get(id);
    return found === undefined ? notFound(id) : [200, found];
  }
}

/** An event as Stripe sends it. */
export function stripeEvent(id: string, type: string, object: object): string {
  const event = { id, object: "event", api_version: "2026-10-28.endive", created: AT, livemode: false };
  return JSON.stringify({ ...event, pending_webhooks: 1, request: null, type, data: { object } });
}

export function refusal(status: number, type: string, message: string): Response {
  return answer(status, JSON.stringify(error(type, message)));
}

function error(type: string, message: string, code?: string): object {
  return { error: { type, message, ...(code === undefined ? {} : { code }) } };
}

function notFound(what: string): [number, object] {
  return [404, error("invalid_request_error", `No such object: '${what}'`, "resource_missing")];
}

function answer(status: number, body: string): Response {
  return new Response(body, { status, headers: { "content-type": "application/json", "request-id": "req_standin" } });
}
