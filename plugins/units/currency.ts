import data from "./data.json" with { type: "json" };

export interface Currency {
  code: string;
  /** ISO 4217's number, three digits. */
  numeric: string;
  en: string;
  zh: string;
  /** Decimals that people write. */
  decimals: number;
  /** ISO 3166 codes of where it is legal tender. */
  countries: string;
}

const MOST_FOUND = 10;

/** Currencies by code, number, name, country or country code, in English or Chinese. */
export function findCurrencies(query: string): { currencies: Currency[]; truncated: boolean } {
  const wanted = query.trim().toLowerCase();
  const found = all().filter((currency) => words(currency).exact.includes(wanted));
  const near = found.length > 0 ? found : all().filter((currency) => words(currency).text.includes(wanted));
  return { currencies: near.slice(0, MOST_FOUND), truncated: near.length > MOST_FOUND };
}

export function isCurrency(text: string): boolean {
  return Object.hasOwn(data.currencies, text.trim().toUpperCase());
}

let kept: Currency[] | undefined;

function all(): Currency[] {
  const [en, zh] = ["en", "zh"].map((locale) => new Intl.DisplayNames(locale, { type: "currency" }));
  const rows = Object.entries(data.currencies as unknown as Record<string, [number, number, string]>); // JSON's arrays are no tuples
  kept ??= rows.map(([code, [numeric, decimals, countries]]) => ({
    code,
    numeric: String(numeric).padStart(3, "0"),
    en: en?.of(code) ?? code,
    zh: zh?.of(code) ?? code,
    decimals,
    countries,
  }));
  return kept;
}

const REGIONS = ["en", "zh"].map((locale) => new Intl.DisplayNames(locale, { type: "region" }));

function words({ code, numeric, en, zh, countries }: Currency): { exact: string[]; text: string } {
  const places = countries
    .split(" ")
    .flatMap((country) => [country, ...REGIONS.map((names) => names.of(country) ?? "")]);
  const exact = [code, numeric, String(Number(numeric)), en, zh, ...places].map((word) => word.toLowerCase());
  return { exact, text: [en, zh, ...places].join("\n").toLowerCase() };
}
