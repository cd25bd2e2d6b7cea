import { ERRORS } from "../../../shared/errors.ts";
import { Button, ButtonLink } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import { Inline } from "../components/inline.tsx";
import type { PageProps } from "../page-props.ts";
import { AccessShell, FormError } from "./parts.tsx";

export type SignInWays = {
  /** Whether this edge has been set up at all. */
  setUp: boolean;
  passkeys: boolean;
  passwords: boolean;
};

/** For whoever comes without a session. Shown at the address they asked for: signing in loads that again. */
export function SignInPage({ page, ways }: { page: PageProps; ways: SignInWays }) {
  const { signIn } = page.strings;
  return (
    <AccessShell page={page} title={signIn.title} layout="door">
      <div data-lit="false">
        <EmptyState level={1} heading={ways.setUp ? signIn.heading : signIn.setUp} />
      </div>
      {ways.setUp ? <Ways page={page} ways={ways} /> : <SetUpLink page={page} />}
      <details class="more">
        <summary>{signIn.home}</summary>
        <p>
          <Inline text={signIn.text} />
        </p>
        <p class="muted">{signIn.again}</p>
        <Command code="npm start" copyLabel={page.strings.chat.copyCode} />
      </details>
    </AccessShell>
  );
}

function SetUpLink({ page }: { page: PageProps }) {
  const { signIn } = page.strings;
  return (
    <div class="door-form">
      <p class="muted">{signIn.setUpText}</p>
      <ButtonLink href="/setup" kind="primary" icon="key" label={signIn.setUpAction} />
    </div>
  );
}

function Ways({ page, ways }: { page: PageProps; ways: SignInWays }) {
  const { errors, signIn } = page.strings;
  return (
    <>
      <noscript>
        <p class="muted">{signIn.noScript}</p>
      </noscript>
      {ways.passkeys ? (
        <form class="door-form" data-flow="sign-in">
          <Button type="submit" kind="primary" icon="key" label={signIn.passkey} />
          {ways.passwords ? null : <NameField page={page} />}
          <FormError />
        </form>
      ) : (
        <p class="muted">{errors?.origin_not_configured ?? ERRORS.origin_not_configured.message}</p>
      )}
      {ways.passwords ? (
        <form class="door-form" data-request="POST /api/sign-in/password">
          <NameField page={page} required />
          <Field
            id="password"
            label={signIn.password}
            type="password"
            autocomplete="current-password"
            maxlength={256}
            required
          />
          <Button type="submit" label={signIn.withPassword} />
          <FormError />
        </form>
      ) : null}
      <details class="more">
        <summary>{signIn.recovery}</summary>
        <form class="door-form" data-request="POST /api/sign-in/recovery" data-then="/account">
          <Field
            id="code"
            label={signIn.recoveryCode}
            hint={signIn.recoveryHint}
            autocomplete="off"
            maxlength={64}
            required
          />
          <Button type="submit" label={signIn.withRecovery} />
          <FormError />
        </form>
      </details>
    </>
  );
}

/** Where browsers offer passkeys as they do names and passwords. */
function NameField({ page, required = false }: { page: PageProps; required?: boolean }) {
  const { signIn } = page.strings;
  return (
    <Field
      id="name"
      label={signIn.name}
      hint={signIn.nameHint}
      autocomplete="username webauthn"
      maxlength={64}
      required={required}
    />
  );
}
