import type { Child } from "hono/jsx";
import type { ShownSale } from "../../market/money/shown-sale.ts";
import { AccessShell, Moment, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Notice } from "../components/notice.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { priceWords, TestNotice } from "./buying.tsx";
import { moneyOf, pluginPath } from "./parts.tsx";

/** What a person has bought. */
export function PurchasesPage({ page, purchases }: { page: PageProps; purchases: ShownSale[] }) {
  const { buying: text } = page.strings;
  return (
    <AccessShell page={page} title={text.purchases} current="market" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.purchases}</h1>
        <p class="muted">{text.purchasesText}</p>
      </header>
      {purchases.length === 0 ? (
        <EmptyState heading={text.empty} text={text.emptyText} />
      ) : (
        <ul class="rows">
          {purchases.map((sale) => (
            <li class="row">
              <div class="row-main">
                <p class="row-title">
                  <a class="row-name" href={`/market/purchases/${sale.id}`}>
                    {sale.title}
                  </a>
                  <span class="badge">{text.states[sale.state]}</span>
                </p>
                <p class="row-notes">
                  <code>{sale.plugin}</code>
                  <span>{priceWords(page, sale.price)}</span>
                  <Moment page={page} timeMs={Date.parse(sale.createdAt)} template="{date}" />
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </AccessShell>
  );
}

/** One purchase: the order while it is not paid, then the receipts, and what can be done about it. */
export function PurchasePage(props: { page: PageProps; sale: ShownSale; isWaiting: boolean }) {
  const { page, sale, isWaiting } = props;
  const { buying: text } = page.strings;
  const isOpen = sale.state === "open";
  return (
    <AccessShell page={page} title={isOpen ? text.order : text.receipt} current="market" layout="settings">
      <header class="settings-head">
        <h1 class="display">{isOpen ? text.order : text.receipt}</h1>
      </header>
      <p class="lead">
        {sale.title} <span class="badge">{text.states[sale.state]}</span>
      </p>
      {isWaiting ? (
        <Notice role="status">
          <p>{text.waiting}</p>
        </Notice>
      ) : null}
      {sale.test ? <TestNotice page={page} /> : null}
      <dl class="facts">
        <dt>{text.price}</dt>
        <dd>{priceWords(page, sale.price)}</dd>
        <dt>{text.ordered}</dt>
        <dd>
          <Moment page={page} timeMs={Date.parse(sale.createdAt)} template="{date}" />
        </dd>
        <dt>{text.number}</dt>
        <dd>
          <code>{sale.id}</code>
        </dd>
      </dl>
      <p class="actions">
        {isOpen && sale.checkoutUrl !== null ? (
          <ButtonLink
            kind="primary"
            href={sale.checkoutUrl}
            label={format(text.pay, { amount: moneyOf(page, sale.price) })}
          />
        ) : null}
        <ButtonLink href={pluginPath(sale.plugin)} label={text.toPlugin} />
        <ButtonLink href="/market/purchases" label={text.purchases} />
      </p>
      {isOpen ? (
        <>
          <p class="muted">{sale.price.every === null ? text.terms : text.termsSubscription}</p>
          <p class="muted">{text.payText}</p>
        </>
      ) : null}
      <Subscription page={page} sale={sale} />
      <Receipts page={page} sale={sale} />
    </AccessShell>
  );
}

function Subscription({ page, sale: { id, subscription } }: { page: PageProps; sale: ShownSale }) {
  const { buying: text } = page.strings;
  if (subscription === null) return null;
  const { state, endsItself, coversUntil } = subscription;
  const words = state === "past_due" ? text.pastDue : endsItself ? text.ends : text.renews;
  return (
    <Section heading={text.subscription}>
      {state === "ended" || coversUntil === null ? (
        <p>{text.ended}</p>
      ) : (
        <p>
          <Moment page={page} timeMs={Date.parse(coversUntil)} template={words} />
        </p>
      )}
      {state === "ended" || endsItself ? null : (
        <Sure label={text.cancel} action={`/market/purchases/${id}/cancel`} yes={text.cancelYes}>
          <p>{text.cancelText}</p>
        </Sure>
      )}
    </Section>
  );
}

function Receipts({ page, sale: { id: sale, payments, refundableUntil } }: { page: PageProps; sale: ShownSale }) {
  const { buying: text } = page.strings;
  if (payments.length === 0) return null;
  return (
    <Section heading={text.payments}>
      <ul class="rows">
        {payments.map(({ id, paidAt, currency, gross, left, coversUntil, receiptUrl }) => (
          <li class="row">
            <div class="row-main">
              <p class="row-name">{moneyOf(page, { currency, minorUnits: gross })}</p>
              <p class="row-notes">
                <Moment page={page} timeMs={Date.parse(paidAt)} template={text.paid} />
                {coversUntil === null ? null : (
                  <Moment page={page} timeMs={Date.parse(coversUntil)} template={text.covers} />
                )}
                {left === gross ? null : (
                  <span>{format(text.back, { amount: moneyOf(page, { currency, minorUnits: gross - left }) })}</span>
                )}
                <code>{id}</code>
              </p>
            </div>
            {receiptUrl === null ? null : <a href={receiptUrl}>{text.providerReceipt}</a>}
          </li>
        ))}
      </ul>
      {refundableUntil === null ? null : (
        <Sure label={text.refund} action={`/market/purchases/${sale}/refund`} yes={text.refundYes}>
          <p>
            <Moment page={page} timeMs={Date.parse(refundableUntil)} template={text.refundText} />
          </p>
        </Sure>
      )}
    </Section>
  );
}

/** Asks before it does something, without a script: what is to be done, opened, and a button in it. */
function Sure(props: { label: string; action: string; yes: string; children?: Child }) {
  return (
    <details class="more">
      <summary>{props.label}</summary>
      {props.children}
      <form method="post" action={props.action}>
        <Button type="submit" kind="bad" label={props.yes} />
      </form>
    </details>
  );
}
