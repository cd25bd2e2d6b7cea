import { ROLES } from "../../access/roles.ts";
import type { listInvitations } from "../../store/invitations.ts";
import type { listUsers } from "../../store/users.ts";
import { Button } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { Select } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "./parts.tsx";

type Member = Awaited<ReturnType<typeof listUsers>>[number];
type Invitation = Awaited<ReturnType<typeof listInvitations>>[number];
/** What an invitation is for, unless the owner says otherwise. */
const USUAL_ROLE = "member";

/** The people of the household, and the links that let others in. */
export function MembersPage(props: {
  page: PageProps;
  members: Member[];
  invitations: Invitation[];
  ownId: string | undefined;
}) {
  const { page, members, invitations, ownId } = props;
  const { chat, members: text, roleTexts, roles } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="members" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      <p class="muted">{members.length > 1 ? text.text : text.alone}</p>
      <ul class="rows">
        {members.map((member) => (
          <MemberRow page={page} member={member} isSelf={member.id === ownId} />
        ))}
      </ul>
      <Section heading={text.invite} text={text.inviteText}>
        <form class="inline-form" data-flow="invite">
          <Select id="role" name="role" label={text.inviteRole}>
            {ROLES.map((role) => (
              <option value={role} selected={role === USUAL_ROLE}>
                {`${roles[role]} – ${roleTexts[role]}`}
              </option>
            ))}
          </Select>
          <Button type="submit" kind="primary" icon="plus" label={text.makeLink} />
          <FormError />
        </form>
        <div class="stack" data-part="invitation" role="status" hidden>
          <p>{text.linkReady}</p>
          <Command code="" copyLabel={chat.copy} />
        </div>
      </Section>
      {invitations.length === 0 ? null : (
        <Section heading={text.open}>
          <ul class="rows">
            {invitations.map((invitation) => (
              <li class="row">
                <div class="row-main">
                  <p class="row-name">{roles[invitation.role]}</p>
                  <p class="row-notes">
                    <Moment page={page} timeMs={invitation.expiresAt} template={text.until} />
                  </p>
                </div>
                <ActionButton request={`DELETE /api/invitations/${invitation.id}`} kind="quiet" label={text.withdraw} />
              </li>
            ))}
          </ul>
        </Section>
      )}
    </AccessShell>
  );
}

function MemberRow({ page, member, isSelf }: { page: PageProps; member: Member; isSelf: boolean }) {
  const { members: text, roles } = page.strings;
  return (
    <li class="row">
      <div class="row-main">
        <p class="row-name">
          {member.name} {isSelf ? <span class="badge">{text.you}</span> : null}
        </p>
        <p class="row-notes">
          <span>{roles[member.role]}</span>
          <Moment page={page} timeMs={member.createdAt} template={text.since} />
        </p>
      </div>
      {isSelf ? null : (
        <>
          <form class="inline-form" data-request={`PATCH /api/members/${member.id}`}>
            <Select id={`role-${member.id}`} name="role" label={format(text.role, { name: member.name })} quietLabel>
              {ROLES.map((role) => (
                <option value={role} selected={role === member.role}>
                  {roles[role]}
                </option>
              ))}
            </Select>
            <Button type="submit" kind="quiet" label={text.change} />
            <FormError />
          </form>
          <ActionButton
            request={`DELETE /api/members/${member.id}`}
            kind="quiet"
            label={text.remove}
            ask={format(text.removeMember, { name: member.name })}
          />
        </>
      )}
    </li>
  );
}
