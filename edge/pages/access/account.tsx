import type { passkeys as passkeysTable } from "../../store/schema.ts";
import { Button, ButtonLink } from "../components/button.tsx";
import { Field } from "../components/field.tsx";
import { SignOut } from "../components/shell.tsx";
import { format } from "../i18n/format.ts";
import { LOCALE_NAMES, LOCALES } from "../i18n/index.ts";
import type { PageProps } from "../page-props.ts";
import { AccessShell, ActionButton, CodesPanel, FormError, Moment, Section } from "./parts.tsx";

type Passkey = typeof passkeysTable.$inferSelect;

export type AccountView = {
  name: string;
  passkeys: Passkey[];
  recoveryCodes: number;
  /** Undefined where this edge takes no passwords. */
  hasPassword: boolean | undefined;
};

/** One's own name, ways in, language and colours. */
export function AccountPage({ page, account }: { page: PageProps; account: AccountView }) {
  const { account: text, codes } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="account" layout="settings" data={{ fileName: codes.fileName }}>
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
        <SignOut page={page} />
      </header>
      <Section heading={text.person}>
        <form class="inline-form" data-request="PATCH /api/account">
          <Field id="name" label={text.name} value={account.name} autocomplete="username" maxlength={64} required />
          <Button type="submit" label={text.save} />
          <FormError />
        </form>
      </Section>
      <Passkeys page={page} passkeys={account.passkeys} />
      <Section
        heading={text.codes}
        text={account.recoveryCodes === 0 ? text.noCodes : format(text.codesLeft, { n: account.recoveryCodes })}
      >
        <CodesPanel page={page} />
        <form data-flow="codes">
          <Button type="submit" label={text.makeCodes} />
          <FormError />
        </form>
      </Section>
      {account.hasPassword === undefined ? null : <Password page={page} isSet={account.hasPassword} />}
      <Section heading={page.strings.transfer.title} text={page.strings.transfer.account}>
        <p class="actions">
          <ButtonLink href="/import" label={page.strings.transfer.title} />
        </p>
      </Section>
      <Appearance page={page} />
    </AccessShell>
  );
}

function Passkeys({ page, passkeys }: { page: PageProps; passkeys: Passkey[] }) {
  const { account: text } = page.strings;
  return (
    <Section heading={text.passkeys} text={passkeys.length === 0 ? text.noPasskeys : text.passkeysText}>
      {passkeys.length === 0 ? null : (
        <ul class="rows">
          {passkeys.map((passkey) => (
            <PasskeyRow page={page} passkey={passkey} />
          ))}
        </ul>
      )}
      <form class="inline-form" data-flow="add-passkey">
        <Field id="passkey-name" name="name" label={text.passkeyName} autocomplete="off" maxlength={64} required />
        <Button type="submit" kind={passkeys.length === 0 ? "primary" : "plain"} icon="key" label={text.addPasskey} />
        <FormError />
      </form>
    </Section>
  );
}

function PasskeyRow({ page, passkey }: { page: PageProps; passkey: Passkey }) {
  const { account: text } = page.strings;
  const { id, name, backedUp, createdAt, lastUsedAt } = passkey;
  const path = `/api/account/passkeys/${encodeURIComponent(id)}`;
  return (
    <li class="row">
      <div class="row-main">
        <p class="row-name">
          {name} {backedUp ? <span class="badge">{text.backedUp}</span> : null}
        </p>
        <p class="row-notes">
          <Moment page={page} timeMs={createdAt} template={text.added} />
          {lastUsedAt === null ? (
            <span>{text.neverUsed}</span>
          ) : (
            <Moment page={page} timeMs={lastUsedAt} template={text.used} />
          )}
        </p>
      </div>
      <details class="row-edit">
        <summary class="button button-quiet">{text.rename}</summary>
        <form class="inline-form" data-request={`PATCH ${path}`}>
          <Field
            id={`rename-${id}`}
            name="name"
            label={text.passkeyName}
            value={name}
            autocomplete="off"
            maxlength={64}
            required
          />
          <Button type="submit" label={text.save} />
          <FormError />
        </form>
      </details>
      <ActionButton
        request={`DELETE ${path}`}
        kind="quiet"
        label={text.remove}
        ask={format(text.removePasskey, { name })}
      />
    </li>
  );
}

function Password({ page, isSet }: { page: PageProps; isSet: boolean }) {
  const { account: text } = page.strings;
  return (
    <Section heading={text.password} text={isSet ? text.passwordOn : text.passwordText}>
      <form class="inline-form" data-request="PUT /api/account/password">
        <Field
          id="password"
          label={text.newPassword}
          type="password"
          autocomplete="new-password"
          maxlength={256}
          required
        />
        <Button type="submit" label={text.setPassword} />
        <FormError />
      </form>
      {isSet ? <ActionButton request="DELETE /api/account/password" label={text.removePassword} kind="quiet" /> : null}
    </Section>
  );
}

function Appearance({ page }: { page: PageProps }) {
  const { account: text } = page.strings;
  const themes = [
    [undefined, text.themeSystem],
    ["light", text.themeLight],
    ["dark", text.themeDark],
  ] as const;
  return (
    <Section heading={text.appearance}>
      <div class="choices" role="group" aria-label={text.language}>
        {LOCALES.map((locale) => (
          <a
            class="chip"
            href={`${page.path}?lang=${locale}`}
            lang={locale}
            aria-current={locale === page.locale ? "true" : undefined}
          >
            {LOCALE_NAMES[locale]}
          </a>
        ))}
      </div>
      <div class="choices" role="group" aria-label={text.theme}>
        {themes.map(([theme, label]) => (
          <button
            type="button"
            class="chip"
            data-action="set-theme"
            value={theme ?? ""}
            aria-pressed={String(theme === page.theme)}
          >
            {label}
          </button>
        ))}
      </div>
    </Section>
  );
}
