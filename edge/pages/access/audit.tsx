import { AUDIT_ACTIONS } from "../../access/audit-actions.ts";
import type { AuditEntry } from "../../store/audit-log.ts";
import { ButtonLink } from "../components/button.tsx";
import { format } from "../i18n/format.ts";
import type { Strings } from "../i18n/index.ts";
import type { PageProps } from "../page-props.ts";
import { AccessShell, Moment } from "./parts.tsx";
import { describeUserAgent } from "./user-agent.ts";

/** What the target of an action is, where it is a word of ours. */
const TARGET_WORDS: Partial<Record<string, "way" | "role">> = {
  set_up: "way",
  signed_in: "way",
  sign_in_refused: "way",
  invited: "role",
};

/** What happened to the locks, page by page. `older`: the entry that the next page starts before, if there is one. */
export function AuditPage(props: { page: PageProps; entries: AuditEntry[]; older: number | undefined }) {
  const { page, entries, older } = props;
  const { audit: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="audit" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      <p class="muted">{entries.length === 0 ? text.empty : text.text}</p>
      <ol class="rows">
        {entries.map((entry) => (
          <li class="row">
            <div class="row-main">
              <p class="row-name">{sentenceOf(entry, text)}</p>
              <p class="row-notes">
                <Moment page={page} timeMs={entry.at} template="{date}" />
                {entry.address === "" ? null : <span>{format(text.from, { address: entry.address })}</span>}
                <span>{describeUserAgent(entry.userAgent)}</span>
              </p>
            </div>
            {entry.target === "" ? null : <span class="row-target">{targetOf(entry, page.strings)}</span>}
          </li>
        ))}
      </ol>
      {older === undefined ? null : <ButtonLink href={`/audit?before=${older}`} label={text.older} />}
    </AccessShell>
  );
}

function sentenceOf({ action, actor }: AuditEntry, text: Strings["audit"]): string {
  const known = AUDIT_ACTIONS.find((name) => name === action);
  return [actor, known === undefined ? action : text.actions[known]].filter((part) => part !== "").join(" ");
}

/** Ways of a sign-in and roles in the reader's language; names stay as they are. */
function targetOf({ action, target }: AuditEntry, { roles, sessions }: Strings): string {
  const kind = TARGET_WORDS[action];
  const words: Record<string, string> = {
    ...(kind === "role" ? roles : {}),
    ...(kind === "way" ? sessions.methods : {}),
  };
  return Object.entries(words).find(([word]) => word === target)?.[1] ?? target;
}
