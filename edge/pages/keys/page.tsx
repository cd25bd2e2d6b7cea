import type { Key } from "../../routes/key-schema.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { LimitFields, NewKeyFields } from "./fields.tsx";

/** One's API keys (the owner's page has everybody's), and the form that makes another. */
export function KeysPage({ page, keys, nowMs }: { page: PageProps; keys: Key[]; nowMs: number }) {
  const { chat, keys: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="keys" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      {keys.length === 0 ? (
        <EmptyState heading={text.empty} text={text.emptyText} />
      ) : (
        <>
          <p class="muted">{text.text}</p>
          <ul class="rows" data-part="keys">
            {keys.map((key) => (
              <KeyRow page={page} of={key} nowMs={nowMs} />
            ))}
          </ul>
        </>
      )}
      <Section heading={text.make}>
        <form class="door-form" data-flow="make-key">
          <NewKeyFields page={page} />
          <details class="more">
            <summary>{text.more}</summary>
            <div class="door-form">
              <LimitFields page={page} id="new" />
            </div>
          </details>
          <Button type="submit" kind="primary" icon="key" label={text.action} />
          <FormError />
        </form>
        <div class="stack" data-part="made-key" role="status" hidden>
          <p>{text.ready}</p>
          <Command code="" copyLabel={chat.copy} />
          <p class="actions">
            <ButtonLink href="/keys" label={text.done} />
          </p>
        </div>
      </Section>
    </AccessShell>
  );
}

function KeyRow({ page, of: key, nowMs }: { page: PageProps; of: Key; nowMs: number }) {
  const { keys: text } = page.strings;
  const expiresMs = key.expiresAt === null ? undefined : Date.parse(key.expiresAt);
  return (
    <li class="row">
      <div class="row-main">
        <p class="row-name">
          {key.name} <code class="muted">{`${key.prefix}…`}</code>
        </p>
        <p class="row-notes">
          {key.person === page.person?.name ? null : <span>{format(text.of, { name: key.person })}</span>}
          <span>{key.scopes.map((scope) => text.scopeTexts[scope]).join(" · ")}</span>
          {key.lastUsedAt === null ? (
            <span>{text.neverUsed}</span>
          ) : (
            <Moment page={page} timeMs={Date.parse(key.lastUsedAt)} template={text.used} />
          )}
          {expiresMs === undefined ? null : (
            <Moment page={page} timeMs={expiresMs} template={expiresMs > nowMs ? text.ends : text.ended} />
          )}
        </p>
        <p class="row-notes">
          {describeLimits(page, key).map((words) => (
            <span>{words}</span>
          ))}
        </p>
      </div>
      <details class="row-edit">
        <summary class="button button-quiet">{text.edit}</summary>
        <form class="door-form" data-flow="change-key">
          <input type="hidden" name="id" value={key.id} />
          <Field id={`name-${key.id}`} name="name" label={text.name} value={key.name} maxlength={64} required />
          <LimitFields page={page} id={key.id} of={key} />
          <p class="actions">
            <Button type="submit" label={text.save} />
          </p>
          <FormError />
        </form>
      </details>
      <ActionButton
        request={`DELETE /api/keys/${key.id}`}
        kind="quiet"
        label={text.revoke}
        ask={format(text.revokeKey, { name: key.name })}
      />
    </li>
  );
}

/** What narrows a key, in words. */
function describeLimits(page: PageProps, { models, priority, limits }: Key): string[] {
  const { keys: text } = page.strings;
  const number = new Intl.NumberFormat(page.locale);
  const limit = (n: number | null, template: string) => (n === null ? [] : [format(template, { n: number.format(n) })]);
  return [
    models?.join(", ") ?? text.everyModel,
    ...limit(limits.requestsPerMinute, text.perMinute),
    ...limit(limits.tokensPerDay, text.tokensPerDay),
    ...limit(limits.nodeSecondsPerDay, text.secondsPerDay),
    ...(priority === "normal" ? [] : [`${text.priority}: ${text.priorities[priority]}`]),
  ];
}
