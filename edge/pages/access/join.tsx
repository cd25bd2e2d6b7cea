import type { Role } from "../../access/roles.ts";
import { Button, ButtonLink } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { AccessShell, CodesPanel, FormError } from "./parts.tsx";

type Invitation = { code: string; role: Role; invitedBy: string };

/** For somebody who opens an invitation; without one, that it is gone. */
export function JoinPage({ page, invitation }: { page: PageProps; invitation: Invitation | undefined }) {
  const { codes, join, problem, roles } = page.strings;
  if (invitation === undefined) {
    return (
      <AccessShell page={page} title={join.title} layout="door">
        <div data-lit="false">
          <EmptyState level={1} heading={join.goneHeading} text={join.gone}>
            <ButtonLink href="/" label={problem.home} />
          </EmptyState>
        </div>
      </AccessShell>
    );
  }
  const text = format(join.text, { name: invitation.invitedBy, role: roles[invitation.role] });
  return (
    <AccessShell page={page} title={join.title} layout="door" data={{ fileName: codes.fileName }}>
      <EmptyState level={1} heading={join.heading} text={text} />
      <form class="door-form" data-flow="join">
        <input type="hidden" name="code" value={invitation.code} />
        <Field id="name" label={join.name} autocomplete="username" maxlength={64} required />
        <Button type="submit" kind="primary" icon="key" label={join.action} />
        <FormError />
      </form>
      <CodesPanel page={page} />
    </AccessShell>
  );
}
