import { Stripe } from "stripe";
import { PorchlightError } from "../../../../shared/errors.ts";
import type { News, Order, PaymentProvider, ProviderEvent, RefundReason } from "./provider.ts";
import { newsOf, refundNews } from "./stripe-news.ts";

export interface StripeOptions {
  secretKey: string;
  /** One for each endpoint: that of the market's own account, and that of connected accounts. */
  webhookSecrets: readonly string[];
  /** Another server than Stripe's, in tests. */
  server?: Pick<Stripe.StripeConfig, "host" | "port" | "protocol">;
  fetch?: typeof fetch;
}

const TIMEOUT_MS = 20_000;

/**
 * Stripe Connect by separate charges and transfers: buyers pay the market, which keeps the developer's part for 14 days and transfers it
 * then. With destination charges the money would be the developer's at once, and each refund would have to be fetched back from them.
 */
export class StripeProvider implements PaymentProvider {
  readonly name = "stripe";
  readonly isTest: boolean;
  readonly #stripe: Stripe;
  readonly #webhookSecrets: readonly string[];

  constructor({ secretKey, webhookSecrets, server = {}, fetch: fetchFrom }: StripeOptions) {
    this.isTest = /^[sr]k_test_/.test(secretKey);
    this.#webhookSecrets = webhookSecrets;
    this.#stripe = new Stripe(secretKey, {
      httpClient: Stripe.createFetchHttpClient(fetchFrom),
      maxNetworkRetries: 2,
      timeout: TIMEOUT_MS,
      telemetry: false,
      ...server,
    });
  }

  async createCheckout(order: Order): Promise<{ id: string; url: string }> {
    const { id, title: name, currency, amount: unit_amount, every, doneUrl, cancelUrl } = order;
    const metadata = { purchase: id };
    const price = { currency: currency.toLowerCase(), unit_amount, product_data: { name } };
    const session = await ask(
      async () =>
        await this.#stripe.checkout.sessions.create(
          {
            client_reference_id: id,
            metadata,
            success_url: doneUrl,
            cancel_url: cancelUrl,
            ...(every === null
              ? {
                  mode: "payment",
                  line_items: [{ quantity: 1, price_data: price }],
                  payment_intent_data: { metadata, transfer_group: id },
                }
              : {
                  mode: "subscription",
                  line_items: [{ quantity: 1, price_data: { ...price, recurring: { interval: every } } }],
                  subscription_data: { metadata },
                }),
          },
          { idempotencyKey: `checkout ${id}` },
        ),
    );
    if (session.url === null) throw new PorchlightError("payment_failed");
    return { id: session.id, url: session.url };
  }

  async closeCheckout(id: string): Promise<void> {
    const { sessions } = this.#stripe.checkout;
    await ask(async () => {
      await unless(
        async () => await sessions.expire(id),
        async () => (await sessions.retrieve(id)).status !== "open",
      );
    });
  }

  async cancelSubscription(id: string, when: "at_end" | "now"): Promise<void> {
    const { subscriptions } = this.#stripe;
    await ask(async () => {
      await unless(
        async () =>
          when === "now"
            ? await subscriptions.cancel(id)
            : await subscriptions.update(id, { cancel_at_period_end: true }),
        async () => (await subscriptions.retrieve(id)).status === "canceled",
      );
    });
  }

  async refund(of: { payment: string; amount: number; reason: RefundReason; key: string }): Promise<News[]> {
    const { payment, amount, reason, key } = of;
    const refund = await ask(
      async () =>
        await this.#stripe.refunds.create(
          { payment_intent: payment, amount, metadata: { reason } },
          { idempotencyKey: key },
        ),
    );
    return refundNews(refund);
  }

  async createAccount({ publisherId, key }: { publisherId: string; key: string }): Promise<string> {
    const account = await ask(
      async () =>
        await this.#stripe.accounts.create(
          {
            controller: {
              fees: { payer: "application" },
              losses: { payments: "application" },
              stripe_dashboard: { type: "express" },
            },
            capabilities: { transfers: { requested: true } },
            metadata: { publisher: publisherId },
          },
          { idempotencyKey: key },
        ),
    );
    return account.id;
  }

  async onboardingUrl(account: string, returnUrl: string): Promise<string> {
    const link = { account, type: "account_onboarding", return_url: returnUrl, refresh_url: returnUrl } as const;
    return (await ask(async () => await this.#stripe.accountLinks.create(link))).url;
  }

  async payoutsEnabled(account: string): Promise<boolean> {
    const found = await ask(async () => await this.#stripe.accounts.retrieve(account));
    return found.payouts_enabled && found.capabilities?.transfers === "active";
  }

  async transfer(of: { key: string; account: string; currency: string; amount: number }): Promise<"paid" | "failed"> {
    const { key, account: destination, currency, amount } = of;
    return await ask(async () => {
      // Stripe forgets idempotency keys after a day; what is in the group was made, whenever that was.
      const made = await this.#stripe.transfers.list({ transfer_group: key, limit: 1 });
      if (made.data.length > 0) return "paid";
      try {
        const transfer = { destination, currency: currency.toLowerCase(), amount, transfer_group: key };
        await this.#stripe.transfers.create(transfer, { idempotencyKey: key });
        return "paid";
      } catch (error) {
        if (!isRefusal(error)) throw error;
        console.error(`market: Stripe refused the transfer ${key}: ${error.message}`);
        return "failed";
      }
    });
  }

  async readWebhook(body: string, headers: Headers): Promise<ProviderEvent> {
    const event = await this.#verified(body, headers.get("stripe-signature") ?? "");
    const news = await ask(async () => await newsOf(this.#stripe, event));
    return { id: event.id, type: event.type, atMs: event.created * 1000, news };
  }

  async #verified(body: string, signature: string): Promise<Stripe.Event> {
    for (const secret of this.#webhookSecrets) {
      try {
        return await this.#stripe.webhooks.constructEventAsync(body, signature, secret);
      } catch (error) {
        if (!(error instanceof Stripe.errors.StripeSignatureVerificationError) && !(error instanceof SyntaxError))
          throw error;
      }
    }
    throw new PorchlightError("webhook_signature_invalid");
  }
}

/** Stripe understood, and will not do it: nothing happened, and the same again comes to the same. */
function isRefusal(error: unknown): error is InstanceType<typeof Stripe.errors.StripeError> {
  const { StripeInvalidRequestError, StripePermissionError } = Stripe.errors;
  return error instanceof StripeInvalidRequestError || error instanceof StripePermissionError;
}

/** What Stripe refuses is fine where it has been done already. */
async function unless(step: () => Promise<unknown>, isDone: () => Promise<boolean>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isRefusal(error) || !(await isDone())) throw error;
  }
}

/** What goes wrong at Stripe is said in the log alone: its sentences are for whoever runs the market. */
async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (cause) {
    if (!(cause instanceof Stripe.errors.StripeError)) throw cause;
    console.error(
      `market: Stripe answered ${cause.statusCode ?? "nothing"} ${cause.code ?? cause.type}: ${cause.message}`,
    );
    throw new PorchlightError("payment_failed", undefined, { cause });
  }
}
