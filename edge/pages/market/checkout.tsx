import { TEST_CARDS, TEST_TURNS } from "../../market/money/provider/test.ts";
import type { TestCheckout } from "../../market/money/provider/test-state.ts";
import { AccessShell, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Notice } from "../components/notice.tsx";
import type { PageProps } from "../page-props.ts";
import { priceWords } from "./buying.tsx";

/** Where one pays with play money; once it is paid, where time and banks are played. */
export function CheckoutPage(props: {
  page: PageProps;
  checkout: TestCheckout;
  said?: "refused" | "done" | undefined;
}) {
  const { page, checkout, said } = props;
  const { buying: text } = page.strings;
  const { order, state } = checkout;
  const { amount: minorUnits, currency, every } = order;
  return (
    <AccessShell page={page} title={text.checkout} current="market" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.checkout}</h1>
        <p class="muted">{text.checkoutText}</p>
      </header>
      {said === undefined ? null : (
        <Notice role="status" tone={said === "refused" ? "bad" : "plain"}>
          <p>{said === "refused" ? text.refused : text.turnDone}</p>
        </Notice>
      )}
      <p class="lead">
        {order.title}: {priceWords(page, { minorUnits, currency, every })}
      </p>
      {state === "open" ? <Cards page={page} checkout={checkout} /> : null}
      {state === "expired" ? <p>{text.checkoutOver}</p> : null}
      {state === "paid" ? <Turns page={page} checkout={checkout} /> : null}
      <p class="actions">
        <ButtonLink
          href={state === "open" ? order.cancelUrl : order.doneUrl}
          label={state === "open" ? text.leave : text.receipt}
        />
      </p>
    </AccessShell>
  );
}

function Cards({ page, checkout }: { page: PageProps; checkout: TestCheckout }) {
  const { buying: text } = page.strings;
  return (
    <form class="grants" method="post" action={`/market/checkout/${checkout.id}`}>
      <fieldset>
        <legend>{text.card}</legend>
        {TEST_CARDS.map((card) => (
          <label class="grant">
            <input type="radio" name="card" value={card} checked={card === "good"} />
            <span>{text.cards[card]}</span>
          </label>
        ))}
      </fieldset>
      <p class="actions">
        <Button type="submit" kind="primary" label={text.payNow} />
      </p>
    </form>
  );
}

function Turns({ page, checkout }: { page: PageProps; checkout: TestCheckout }) {
  const { buying: text } = page.strings;
  const isOver = checkout.subscription === null || checkout.subscription.state === "ended";
  const turns = TEST_TURNS.filter((turn) => turn.startsWith("dispute") || !isOver);
  return (
    <Section heading={text.receipt} text={text.turnsText}>
      <ul class="rows">
        {turns.map((turn) => (
          <li class="row">
            <form method="post" action={`/market/checkout/${checkout.id}`}>
              <input type="hidden" name="turn" value={turn} />
              <Button type="submit" label={text.turns[turn]} />
            </form>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Where a publisher says who they are, to nobody. */
export function TestAccountPage({ page, account }: { page: PageProps; account: string }) {
  const { buying: text } = page.strings;
  return (
    <AccessShell page={page} title={text.account} current="market" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.account}</h1>
        <p class="muted">{text.accountText}</p>
      </header>
      <form method="post" action={`/market/checkout/${account}`}>
        <Button type="submit" kind="primary" label={text.accountDone} />
      </form>
    </AccessShell>
  );
}
