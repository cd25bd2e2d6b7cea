import { Button } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import type { PageProps } from "../page-props.ts";
import { AccessShell, CodesPanel, FormError } from "./parts.tsx";

/** First run: the set-up token, a name and a passkey make the owner. */
export function SetUpPage({ page }: { page: PageProps }) {
  const { codes, setUp } = page.strings;
  return (
    <AccessShell page={page} title={setUp.title} layout="door" data={{ fileName: codes.fileName }}>
      <EmptyState level={1} heading={setUp.heading} text={setUp.text} />
      <form class="door-form" data-flow="set-up">
        <Field
          id="token"
          label={setUp.token}
          hint={setUp.tokenHint}
          type="password"
          autocomplete="off"
          maxlength={512}
          required
        />
        <Field id="name" label={setUp.name} autocomplete="username" maxlength={64} required />
        <Button type="submit" kind="primary" icon="key" label={setUp.action} />
        <FormError />
      </form>
      <CodesPanel page={page} />
    </AccessShell>
  );
}
