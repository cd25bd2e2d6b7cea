import type { OfferedTool } from "../../home/plugins/tool-box.ts";
import type { AuthorizationProblem, AuthorizationRequest } from "../../oauth/authorization-request.ts";
import { AccessShell, FormError } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { placeWords } from "./place-words.ts";
import { ToolList } from "./tool-list.tsx";

/** Tools that are shown before the rest is folded away. */
const SHOWN_TOOLS = 8;

/** Who asks, where the answer goes, and what it would see: one's yes or no. */
export function ConsentPage(props: {
  page: PageProps;
  asked: AuthorizationRequest;
  query: string;
  tools: OfferedTool[];
}) {
  const { page, asked, query, tools } = props;
  const { oauth: text } = page.strings;
  const { client, place } = asked;
  return (
    <AccessShell page={page} title={text.title} layout="door">
      <h1 class="display">{format(text.question, { name: client.name === "" ? text.unnamed : client.name })}</h1>
      <dl class="knock-facts">
        <dt>{text.returns}</dt>
        <dd>{placeWords(page, place)}</dd>
        <dt>{text.known}</dt>
        <dd>{client.host === undefined ? text.ownWord : format(text.document, { host: client.host })}</dd>
        <dt>{text.person}</dt>
        <dd>{page.person?.name}</dd>
      </dl>
      <p>{tools.length === 0 ? text.noTools : text.tools}</p>
      <ToolList page={page} tools={tools.slice(0, SHOWN_TOOLS)} />
      {tools.length > SHOWN_TOOLS ? (
        <details class="more">
          <summary>{format(text.more, { n: tools.length - SHOWN_TOOLS })}</summary>
          <ToolList page={page} tools={tools.slice(SHOWN_TOOLS)} />
        </details>
      ) : null}
      <p>{text.later}</p>
      <p>{place.kind === "site" ? format(text.checkSite, { host: place.host }) : text.check}</p>
      <div class="actions">
        <DecisionForm query={query} decision="allow" label={text.allow} kind="primary" />
        <DecisionForm query={query} decision="deny" label={text.deny} kind="plain" />
      </div>
    </AccessShell>
  );
}

function DecisionForm(props: { query: string; decision: "allow" | "deny"; label: string; kind: "primary" | "plain" }) {
  return (
    <form data-flow="oauth-decision">
      <input type="hidden" name="query" value={props.query} />
      <input type="hidden" name="decision" value={props.decision} />
      <Button type="submit" kind={props.kind} label={props.label} />
      <FormError />
    </form>
  );
}

/** A request that is not in order. Nobody is sent anywhere by it: the way back is a link, with where it leads. */
export function ProblemWithClientPage({ page, problem }: { page: PageProps; problem: AuthorizationProblem }) {
  const { oauth: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} layout="door">
      <EmptyState level={1} heading={text.problem} text={text.problems[problem.kind]} />
      <p class="muted" lang="en">
        {problem.words}
      </p>
      {problem.tell === undefined ? null : (
        <p>
          <a href={problem.tell} rel="noreferrer">
            {format(text.back, { place: URL.parse(problem.tell)?.host ?? "" })}
          </a>
        </p>
      )}
    </AccessShell>
  );
}
