/** What a payment provider tells of money, each as often and in whatever order it comes. `payment` is its id of a payment. */
export type News =
  | { type: "checkout_done"; purchaseId: string; subscriptionId: string | null }
  | { type: "checkout_expired"; purchaseId: string }
  | {
      type: "payment";
      purchaseId: string;
      payment: string;
      currency: string;
      gross: number;
      paidAtMs: number;
      /** Until when it pays for a subscription; null: for good. */
      coversUntilMs: number | null;
      receiptUrl: string | null;
    }
  | { type: "fee"; payment: string; id: string; amount: number }
  | { type: "refunded"; payment: string; refund: string; amount: number; reason: RefundReason }
  | { type: "disputed"; payment: string; dispute: string; amount: number; fee: number }
  | { type: "dispute_closed"; payment: string; dispute: string; outcome: "won" | "lost" }
  | {
      type: "subscription";
      purchaseId: string;
      subscriptionId: string;
      /** As it is now, whatever the event was about. */
      state: "active" | "past_due" | "ended";
      cancelAtEnd: boolean;
    }
  | { type: "account"; account: string; payoutsEnabled: boolean };

export type RefundReason = "asked" | "malware";

/** An event of the provider, signed by it. */
export interface ProviderEvent {
  id: string;
  type: string;
  atMs: number;
  news: News[];
}

export interface Order {
  /** Of the purchase: the same again is the same checkout. */
  id: string;
  title: string;
  currency: string;
  /** Minor units. */
  amount: number;
  every: "month" | "year" | null;
  /** Where the buyer comes back to. */
  doneUrl: string;
  cancelUrl: string;
}

/**
 * Takes money from buyers, keeps it on the market's account, and passes it on to publishers. Whatever is asked with a `key` is done once
 * under it, however often it is asked. All throw PorchlightError `payment_failed` where the provider refuses or cannot be reached.
 */
export interface PaymentProvider {
  readonly name: "stripe" | "test";
  /** Buyers pay by play money. */
  readonly isTest: boolean;
  createCheckout(order: Order): Promise<{ id: string; url: string }>;
  /** Lets nobody pay there any more. One that is over already is fine. */
  closeCheckout(id: string): Promise<void>;
  /** Ends a subscription with what is paid for, or at once. */
  cancelSubscription(id: string, when: "at_end" | "now"): Promise<void>;
  refund(of: { payment: string; amount: number; reason: RefundReason; key: string }): Promise<News[]>;
  /** An account that a publisher is paid at, and where they say who they are and which bank is theirs. */
  createAccount(of: { publisherId: string; key: string }): Promise<string>;
  onboardingUrl(account: string, returnUrl: string): Promise<string>;
  payoutsEnabled(account: string): Promise<boolean>;
  /** From the market's account to a publisher's. `failed`: for good, nothing moved; what may work later throws. */
  transfer(of: { key: string; account: string; currency: string; amount: number }): Promise<"paid" | "failed">;
  /** Throws `webhook_signature_invalid`. The body as it came: signatures are over bytes. */
  readWebhook(body: string, headers: Headers): Promise<ProviderEvent>;
}
