import type { ShownWebhook } from "../../routes/webhooks-schema.ts";
import { ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { Field } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { describeTry, type JobStrings, lastDelivery } from "./describe.ts";

/** Who is told when a job ends: receivers with the log of what was sent, and a form for another. */
export function WebhookSection(props: { page: PageProps; webhooks: ShownWebhook[]; strings: JobStrings }) {
  const { page, webhooks, strings: text } = props;
  return (
    <Section heading={text.webhooks} text={text.webhooksText}>
      {webhooks.length === 0 ? null : (
        <ul class="rows" data-part="webhooks">
          {webhooks.map((webhook) => (
            <WebhookRow page={page} webhook={webhook} strings={text} />
          ))}
        </ul>
      )}
      <form class="door-form" data-flow="make-webhook">
        <Field id="url" label={text.url} hint={text.urlHint} maxlength={2048} autocomplete="off" required />
        <p class="actions">
          <Button type="submit" label={text.add} />
        </p>
        <FormError />
      </form>
      <div class="stack" data-part="webhook-secret" role="status" hidden>
        <p>{text.secretReady}</p>
        <Command code="" copyLabel={page.strings.chat.copy} />
        <p class="actions">
          <ButtonLink href="/jobs" label={text.secretDone} />
        </p>
      </div>
    </Section>
  );
}

function WebhookRow(props: { page: PageProps; webhook: ShownWebhook; strings: JobStrings }) {
  const { page, webhook, strings: text } = props;
  const { id, url, goneAt, oldSecretUntil, deliveries } = webhook;
  return (
    <li class="row row-wide" data-webhook={id}>
      <div class="row-main">
        <p class="row-name">{url}</p>
        <p class="row-notes">
          {goneAt === null ? (
            <span data-part="last-delivery">{lastDelivery(webhook, text)}</span>
          ) : (
            <Moment page={page} timeMs={Date.parse(goneAt)} template={text.gone} />
          )}
          {oldSecretUntil === null ? null : (
            <Moment page={page} timeMs={Date.parse(oldSecretUntil)} template={text.oldSecret} />
          )}
        </p>
      </div>
      {deliveries.length === 0 ? null : (
        <details class="row-edit">
          <summary class="button button-quiet">{text.log}</summary>
          <ol class="delivery-log">
            {deliveries.map((delivery) => (
              <DeliveryRow page={page} delivery={delivery} strings={text} />
            ))}
          </ol>
          <p class="actions">
            <Button kind="quiet" label={text.hideLog} action="hide-details" />
          </p>
        </details>
      )}
      <ActionButton request={`POST /api/webhooks/${id}/test`} kind="quiet" label={text.test} />
      <form data-flow="rotate-webhook" data-ask={text.rotateAsk}>
        <input type="hidden" name="id" value={id} />
        <Button type="submit" kind="quiet" label={text.rotate} />
        <FormError />
      </form>
      <ActionButton
        request={`DELETE /api/webhooks/${id}`}
        kind="quiet"
        label={text.remove}
        ask={format(text.removeAsk, { host: new URL(url).host })}
      />
    </li>
  );
}

function DeliveryRow(props: { page: PageProps; delivery: ShownWebhook["deliveries"][number]; strings: JobStrings }) {
  const { page, delivery, strings: text } = props;
  const { type, state, createdAt, nextTryAt, tries } = delivery;
  const what = Object.entries(text.types).find(([name]) => name === type)?.[1] ?? type;
  return (
    <li>
      <p>
        {text.deliveryStates[state]} · {what}
      </p>
      <p class="row-notes">
        <Moment page={page} timeMs={Date.parse(createdAt)} template="{date}" />
        <span>{describeTry(tries.at(-1), text)}</span>
        {tries.length > 1 ? <span>{format(text.tries, { n: tries.length })}</span> : null}
        {nextTryAt === null ? null : <Moment page={page} timeMs={Date.parse(nextTryAt)} template={text.nextTry} />}
      </p>
    </li>
  );
}
