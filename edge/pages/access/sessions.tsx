import type { listSessions } from "../../store/sessions.ts";
import type { PageProps } from "../page-props.ts";
import { AccessShell, ActionButton, Moment } from "./parts.tsx";
import { describeUserAgent } from "./user-agent.ts";

type Session = Awaited<ReturnType<typeof listSessions>>[number];

/** Where one is signed in. */
export function SessionsPage(props: { page: PageProps; sessions: Session[]; currentId: string | undefined }) {
  const { page, sessions, currentId } = props;
  const { sessions: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="sessions" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      <p class="muted">{text.text}</p>
      <ul class="rows">
        {sessions.map((session) => (
          <li class="row">
            <div class="row-main">
              <p class="row-name">
                {describeUserAgent(session.userAgent) ?? text.unknownBrowser}{" "}
                {session.id === currentId ? <span class="badge">{text.current}</span> : null}
              </p>
              <p class="row-notes">
                <span>{text.methods[session.method]}</span>
                {session.address === "" ? null : <span>{session.address}</span>}
                <Moment page={page} timeMs={session.createdAt} template={text.signedIn} />
                <Moment page={page} timeMs={session.lastSeenAt} template={text.seen} />
              </p>
            </div>
            {session.id === currentId ? null : (
              <ActionButton request={`DELETE /api/account/sessions/${session.id}`} kind="quiet" label={text.end} />
            )}
          </li>
        ))}
      </ul>
      {sessions.length > 1 ? (
        <ActionButton request="DELETE /api/account/sessions" label={text.endOthers} />
      ) : (
        <p class="muted">{text.onlyOne}</p>
      )}
    </AccessShell>
  );
}
