import type { Balance } from "../../market/money/earnings.ts";
import type { ShownPayouts } from "../../routes/market-payouts.ts";
import { AccessShell, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { moneyOf } from "./parts.tsx";

const MOST_SHOWN = 20;

/** How a publisher is paid: the account, what can be paid out now, what was. */
export function Payouts(props: { page: PageProps; payouts: ShownPayouts; earnings: Balance[] }) {
  const { page, payouts, earnings } = props;
  const { buying: text } = page.strings;
  if (payouts.provider === null) return <Section heading={text.payouts} text={text.payoutsOff} />;
  return (
    <Section heading={text.payouts}>
      <Account page={page} payouts={payouts} />
      {earnings.map(({ currency, available }) => {
        const amount = moneyOf(page, { currency, minorUnits: Math.abs(available) });
        if (available < 0) return <p>{format(text.owed, { amount })}</p>;
        if (available === 0 || !payouts.payoutsEnabled) return null;
        return (
          <form method="post" action="/market/payouts/pay">
            <input type="hidden" name="currency" value={currency} />
            <Button type="submit" kind="primary" label={format(text.payOut, { amount })} />
          </form>
        );
      })}
      {payouts.payouts.length === 0 ? null : (
        <ul class="rows">
          {payouts.payouts.slice(0, MOST_SHOWN).map(({ id, currency, amount, state }) => (
            <li class="row">
              <div class="row-main">
                <p class="row-name">{moneyOf(page, { currency, minorUnits: amount })}</p>
                <p class="row-notes">
                  <span>{text.payoutStates[state]}</span>
                  <code>{id}</code>
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Account({ page, payouts }: { page: PageProps; payouts: ShownPayouts }) {
  const { buying: text } = page.strings;
  const { connected, payoutsEnabled, automatic } = payouts;
  if (!payoutsEnabled)
    return (
      <>
        <p class="muted">{connected ? text.connectMore : text.connectText}</p>
        <form method="post" action="/market/payouts/connect">
          <Button type="submit" label={text.connect} />
        </form>
      </>
    );
  return (
    <>
      <p>{text.connected}</p>
      <p class="muted">{automatic ? text.automatic : text.manual}</p>
      <form method="post" action="/market/payouts/automatic">
        <input type="hidden" name="automatic" value={automatic ? "no" : "yes"} />
        <Button type="submit" kind="quiet" label={automatic ? text.beManual : text.beAutomatic} />
      </form>
    </>
  );
}

/** On the way to the provider. A link, as a form may lead to no other site from here. */
export function ConnectPage({ page, url }: { page: PageProps; url: string }) {
  const { buying: text } = page.strings;
  return (
    <AccessShell page={page} title={text.connect} current="market" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.connect}</h1>
        <p class="muted">{text.connectText}</p>
      </header>
      <p>
        <ButtonLink kind="primary" href={url} label={text.connectGo} />
      </p>
    </AccessShell>
  );
}
