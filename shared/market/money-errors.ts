/** Errors of buying and selling in the market: a part of ERRORS. */
export const MONEY_ERRORS = {
  plugin_not_bought: {
    status: 402,
    retryable: false,
    message: "This plugin costs money. Buy it on its page in the market first.",
  },
  subscription_over: {
    status: 402,
    retryable: false,
    message:
      "Your subscription to this plugin is over. It stays installed; subscribe again on its page in the market, and it works at once.",
  },
  payments_off: {
    status: 409,
    retryable: false,
    message:
      "This market takes no payments: only its free plugins can be had. Its administrator can connect a payment provider.",
  },
  already_bought: {
    status: 409,
    retryable: false,
    message: "You have this plugin already, or it costs nothing. See /market/purchases.",
  },
  refund_over: {
    status: 409,
    retryable: false,
    message: "This payment cannot be given back any more: its 14 days are over, or you have the money already.",
  },
  purchase_state: {
    status: 409,
    retryable: false,
    message: "The purchase is in another state than this needs. Reload, and look where it stands.",
  },
  payment_failed: {
    status: 502,
    retryable: true,
    message: "The payment provider did not do it. Nothing was changed here; try again later.",
  },
  payout_not_ready: {
    status: 409,
    retryable: false,
    message: "There is nothing to pay out, or no account that it could go to. Connect payouts first.",
  },
  webhook_signature_invalid: {
    status: 400,
    retryable: false,
    message: "This is not signed by the payment provider, or too old. Nothing of it was read.",
  },
} as const;
