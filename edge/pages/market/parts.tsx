import type { CatalogueEntry } from "../../../shared/market/catalogue.ts";
import type { PageProps } from "../page-props.ts";

/** Of words in both languages, those of the page. */
export function inLocale(page: PageProps, words: { en: string; zh: string }): string {
  return page.locale === "zh-CN" ? words.zh : words.en;
}

export function pluginPath(name: string): string {
  return `/market/${name.slice(1)}`;
}

/** Who made it, and whether the market stands for it. */
export function Maker({ page, entry }: { page: PageProps; entry: Pick<CatalogueEntry, "publisher" | "official"> }) {
  const { market } = page.strings;
  return (
    <span class="maker">
      <span>{entry.publisher}</span>
      {entry.official ? <span class="badge">{market.official}</span> : null}
    </span>
  );
}

/** How often it is installed, rounded as one says it. */
export function installsOf(page: PageProps, installs: number): string {
  return new Intl.NumberFormat(page.locale, { notation: "compact" }).format(installs);
}

/** An amount in minor units, as the page's language writes it. */
export function moneyOf(page: PageProps, { currency, minorUnits }: { currency: string; minorUnits: number }): string {
  const amount = new Intl.NumberFormat(page.locale, { style: "currency", currency });
  const digits = amount.resolvedOptions().maximumFractionDigits ?? 2;
  return amount.format(minorUnits / 10 ** digits);
}
