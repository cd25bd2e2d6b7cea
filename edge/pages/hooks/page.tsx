import { hasRole } from "../../access/roles.ts";
import type { InstalledView } from "../../home/plugins/desk.ts";
import { HOOK_SIGNATURES } from "../../home/hooks/hook.ts";
import { HOOK_LIMITS } from "../../home/hooks/limits.ts";
import type { ShownDelivery, ShownHook } from "../../routes/inbound-webhooks-schema.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field, Select, TextArea } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import { inLocale } from "../market/parts.tsx";
import type { PageProps } from "../page-props.ts";

/** An address with what came to it last. */
export interface HookWithLog {
  hook: ShownHook;
  log: ShownDelivery[];
}

/** Addresses that others send to, what came, and a form for another. */
export function HooksPage(props: { page: PageProps; hooks: HookWithLog[]; plugins: InstalledView[] }) {
  const { page, hooks, plugins } = props;
  const { hooks: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="plugins" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
        <p>
          <a href="/plugins">{text.toPlugins}</a>
        </p>
        <p class="muted">{text.text}</p>
      </header>
      {hooks.length === 0 ? (
        <EmptyState heading={text.empty} text={text.emptyText} />
      ) : (
        <ul class="rows">
          {hooks.map((one) => (
            <HookRow page={page} {...one} />
          ))}
        </ul>
      )}
      {hasRole(page.person?.role ?? "viewer", "member") ? <Making page={page} plugins={plugins} /> : null}
    </AccessShell>
  );
}

/** A form for another address, and room for what it has to show once. */
function Making({ page, plugins }: { page: PageProps; plugins: InstalledView[] }) {
  const { hooks: text } = page.strings;
  return (
    <Section heading={text.make}>
      <NewHook page={page} plugins={plugins} />
      <div class="stack" data-part="hook-secret" role="status" hidden>
        <p>{text.ready}</p>
        <p class="muted">{text.url}</p>
        <div data-part="hook-url">
          <Command code="" copyLabel={page.strings.chat.copy} />
        </div>
        <p class="muted">{text.ownSecret}</p>
        <div data-part="hook-own-secret">
          <Command code="" copyLabel={page.strings.chat.copy} />
        </div>
        <p class="actions">
          <ButtonLink href="/hooks" label={text.done} />
        </p>
      </div>
    </Section>
  );
}

function NewHook({ page, plugins }: { page: PageProps; plugins: InstalledView[] }) {
  const { hooks: text } = page.strings;
  const able = plugins.filter(({ enabled, parts }) => enabled && parts.some(({ part }) => part === "webhook"));
  return (
    <form class="door-form" data-flow="make-hook">
      <Field id="name" label={text.name} maxlength={HOOK_LIMITS.nameCharacters} autocomplete="off" required />
      <div class="labelled">
        <Select id="target" name="target" label={text.target}>
          {able.map(({ name, manifest }) => (
            <option value={name}>{inLocale(page, manifest.title)}</option>
          ))}
          <option value="">{text.conversation}</option>
        </Select>
      </div>
      <TextArea id="prompt" label={text.prompt} rows={2} maxlength={HOOK_LIMITS.promptCharacters} />
      <div class="labelled">
        <Select id="signature" name="signature" label={text.signature}>
          {HOOK_SIGNATURES.map((signature) => (
            <option value={signature}>{text.signatures[signature]}</option>
          ))}
        </Select>
      </div>
      <Field
        id="secret"
        type="password"
        label={text.secret}
        hint={text.secretHint}
        maxlength={HOOK_LIMITS.secretCharacters}
        autocomplete="off"
      />
      <p class="actions">
        <Button type="submit" kind="primary" label={text.add} />
      </p>
      <FormError />
    </form>
  );
}

function HookRow({ page, hook, log }: { page: PageProps } & HookWithLog) {
  const { hooks: text } = page.strings;
  const { id, name, url, plugin, paused, lastAt, oldSecretUntil, refused } = hook;
  return (
    <li class="row row-wide" data-hook={id}>
      <div class="row-main stack">
        <p class="row-title">
          <span class="row-name">{name}</span>
          {paused === null ? null : <span class="badge">{text.paused}</span>}
        </p>
        <p class="row-notes">
          <span>{plugin === null ? text.toSession : format(text.toPlugin, { plugin })}</span>
          {lastAt === null ? (
            <span>{text.never}</span>
          ) : (
            <Moment page={page} timeMs={Date.parse(lastAt)} template={text.last} />
          )}
          {refused === 0 ? null : <span>{format(text.refused, { n: refused })}</span>}
          {oldSecretUntil === null ? null : (
            <Moment page={page} timeMs={Date.parse(oldSecretUntil)} template={text.oldSecret} />
          )}
          {paused === "key_revoked" ? <span>{text.keyRevoked}</span> : null}
        </p>
        <Command code={url} copyLabel={page.strings.chat.copy} />
      </div>
      <details class="row-edit">
        <summary class="button button-quiet">{text.log}</summary>
        {log.length === 0 ? <p class="muted">{text.none}</p> : <Log page={page} hook={id} log={log} />}
        <p class="actions">
          <Button kind="quiet" label={text.hideLog} action="hide-details" />
        </p>
      </details>
      <ActionButton
        request={`PATCH /api/hooks/${id}`}
        kind="quiet"
        label={paused === null ? text.pause : text.resume}
        body={{ paused: paused === null }}
      />
      <form data-flow="rotate-hook" data-ask={text.rotateAsk}>
        <input type="hidden" name="id" value={id} />
        <Button type="submit" kind="quiet" label={text.rotate} />
        <FormError />
      </form>
      <ActionButton
        request={`DELETE /api/hooks/${id}`}
        kind="quiet"
        label={text.remove}
        ask={format(text.removeAsk, { name })}
      />
    </li>
  );
}

function Log({ page, hook, log }: { page: PageProps; hook: string; log: ShownDelivery[] }) {
  const { hooks: text } = page.strings;
  return (
    <ol class="delivery-log">
      {log.map(({ id, state, receivedAt, bytes, error }) => (
        <li>
          <p>
            <a href={`/hooks/${hook}/${id}`}>
              {text.states[state]} · <Moment page={page} timeMs={Date.parse(receivedAt)} template="{date}" />
            </a>
          </p>
          <p class="row-notes">
            <span>{format(text.bytes, { n: bytes })}</span>
            {error === null ? null : <span>{error.message}</span>}
          </p>
        </li>
      ))}
    </ol>
  );
}
