import type { CataloguePlugin } from "../../../shared/market/catalogue.ts";
import { Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { Notice } from "../components/notice.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { moneyOf } from "./parts.tsx";

/** What a person can do about a plugin that costs something. */
export interface Buying {
  state: "free" | "own" | "bought" | "lapsed" | "none";
  /** Why nobody can buy it here; another market's origin where that one sells it. */
  closed?: "off" | { market: string };
  isTest: boolean;
}

type Price = NonNullable<CataloguePlugin["manifest"]["price"]>;

/** What something costs, in words: once, or by the month or year. */
export function priceWords(page: PageProps, price: Omit<Price, "every"> & { every?: Price["every"] | null }): string {
  const { market, buying } = page.strings;
  if (price.minorUnits === 0) return market.free;
  const amount = moneyOf(page, price);
  if (price.every === undefined || price.every === null) return amount;
  return format(price.every === "month" ? buying.perMonth : buying.perYear, { amount });
}

/** Whether it can be installed right away. */
export function isTheirs({ state }: Buying): boolean {
  return state === "free" || state === "own" || state === "bought";
}

/** Where a plugin is bought; nothing where there is nothing to buy. All of it works without a script. */
export function BuySection({ page, plugin, buying }: { page: PageProps; plugin: CataloguePlugin; buying: Buying }) {
  const { buying: text } = page.strings;
  const { price } = plugin.manifest;
  if (price === undefined || isTheirs(buying)) return null;
  const isSubscription = price.every !== undefined;
  return (
    <Section heading={text.heading}>
      {buying.state === "lapsed" ? <p>{text.lapsed}</p> : null}
      {buying.closed === undefined ? (
        <>
          {buying.isTest ? <TestNotice page={page} /> : null}
          {page.person === undefined ? (
            <p>
              <ButtonLink href="/" label={text.signIn} />
            </p>
          ) : (
            <form method="post" action={`/market/${plugin.name.slice(1)}/buy`}>
              <Button
                type="submit"
                kind="primary"
                label={format(isSubscription ? text.subscribe : text.buy, { price: priceWords(page, price) })}
              />
            </form>
          )}
          <p class="muted">{isSubscription ? text.termsSubscription : text.terms}</p>
          <p class="muted">{page.strings.market.installBy}</p>
          <Command code={`porchlight plugin buy ${plugin.name}`} copyLabel={page.strings.chat.copyCode} />
        </>
      ) : (
        <p class="muted">{buying.closed === "off" ? text.off : format(text.elsewhere, buying.closed)}</p>
      )}
    </Section>
  );
}

/** No money is charged here. */
export function TestNotice({ page }: { page: PageProps }) {
  return (
    <Notice>
      <p>{page.strings.buying.test}</p>
    </Notice>
  );
}
