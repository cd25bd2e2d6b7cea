/**
 * Currencies that a market sells in: those whose smallest unit is the same to ISO 4217, to what pages write (Intl) and to payment
 * providers. Others are left out where these disagree (ISK, UGX, HUF), or count in thousandths (KWD).
 */
export const SOLD_CURRENCIES: readonly string[] = [
  "AUD",
  "BRL",
  "CAD",
  "CHF",
  "CNY",
  "CZK",
  "DKK",
  "EUR",
  "GBP",
  "HKD",
  "INR",
  "JPY",
  "KRW",
  "MXN",
  "NOK",
  "NZD",
  "PLN",
  "SEK",
  "SGD",
  "USD",
];
