import { hasRole } from "../../access/roles.ts";
import type { HomeAgent } from "../../home/list-agents.ts";
import type { listRevokedAgents } from "../../store/agents.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { PageData } from "../components/document.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import { Inline } from "../components/inline.tsx";
import { Status } from "../components/status.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { describeAgent, LIVE_PARTS, standing } from "./describe.ts";

/** The household's machines, kept up to date by the page's script; the owner pairs, renames and revokes here. */
export function AgentsPage(props: {
  page: PageProps;
  agents: HomeAgent[];
  revoked: Awaited<ReturnType<typeof listRevokedAgents>>;
  replay: "on" | "off";
  origin: string;
}) {
  const { page, agents, revoked, replay, origin } = props;
  const { agents: text } = page.strings;
  const isOwner = page.person !== undefined && hasRole(page.person.role, "owner");
  return (
    <AccessShell page={page} title={text.title} current="agents" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      {agents.length === 0 ? (
        <EmptyState heading={text.empty} text={isOwner ? text.emptyText : text.emptyViewer} />
      ) : (
        <p class="muted">{text.text}</p>
      )}
      <ul class="rows" data-part="agents" hidden={agents.length === 0}>
        {agents.map((agent) => (
          <AgentRow page={page} agent={agent} isOwner={isOwner} />
        ))}
      </ul>
      {isOwner && agents.length > 1 ? <FailoverSection page={page} replay={replay} /> : null}
      {isOwner ? <PairSection page={page} origin={origin} /> : null}
      {isOwner && revoked.length > 0 ? (
        <Section heading={text.revoked}>
          <p class="muted">
            <Inline text={text.revokedText} />
          </p>
          <ul class="rows">
            {revoked.map(({ id, name, revokedAt }) => (
              <li class="row">
                <div class="row-main">
                  <p class="row-name">{name}</p>
                  <p class="row-notes">
                    <Moment page={page} timeMs={revokedAt ?? 0} template={text.revokedOn} />
                  </p>
                </div>
                <ActionButton request={`POST /api/agents/${id}/restore`} label={text.restore} />
              </li>
            ))}
          </ul>
        </Section>
      ) : null}
      <PageData id="agents-data" data={text} />
    </AccessShell>
  );
}

/** What becomes of an answer that has begun: a choice only where there is more than one machine. */
function FailoverSection({ page, replay }: { page: PageProps; replay: "on" | "off" }) {
  const { agents: text } = page.strings;
  const isOn = replay === "on";
  return (
    <Section heading={text.failover} text={text.failoverText}>
      <p>{isOn ? text.replayIsOn : text.replayIsOff}</p>
      <form data-request="PUT /api/dispatch">
        <input type="hidden" name="replay" value={isOn ? "off" : "on"} />
        <Button type="submit" label={isOn ? text.replayOff : text.replayOn} />
        <FormError />
      </form>
    </Section>
  );
}

function PairSection({ page, origin }: { page: PageProps; origin: string }) {
  const { agents: text, chat } = page.strings;
  return (
    <Section heading={text.pair} text={text.pairText}>
      <form data-flow="pair">
        <Button type="submit" kind="primary" icon="plus" label={text.makeLink} />
        <FormError />
      </form>
      <div class="stack" data-part="pairing" role="status" hidden>
        <p>{text.linkReady}</p>
        <Command code={connectCommand("")} copyLabel={chat.copy} />
      </div>
      <div class="stack">
        <p class="muted">{text.noBrowser}</p>
        <Command code={connectCommand(origin)} copyLabel={chat.copy} />
        <p>
          <ButtonLink href="/device" label={text.enterCode} />
        </p>
      </div>
    </Section>
  );
}

/** What a person types on the machine; `link` is a pairing link or the edge's address. */
export function connectCommand(link: string): string {
  return `npm run porchlight -- connect ${link}`;
}

function AgentRow({ page, agent, isOwner }: { page: PageProps; agent: HomeAgent; isOwner: boolean }) {
  const { agents: text } = page.strings;
  const { id, name, status, lastSeenAt } = agent;
  const live = {
    online: status?.online ?? false,
    draining: status?.draining ?? false,
    healthy: status?.healthy ?? true,
    health: status?.health ?? null,
    wakeable: status?.wakeable ?? false,
    running: status?.running ?? 0,
    speed: status?.speed ?? null,
    models: status?.models ?? [],
    version: status?.version ?? null,
  };
  const words = describeAgent(live, text);
  return (
    <li class="row" data-agent={id}>
      <div class="row-main">
        <div class="row-title">
          <p class="row-name">{name}</p>
          <Status {...standing(live, text)} part="state" />
        </div>
        <p class="row-notes">
          {LIVE_PARTS.map((part) => (
            <span data-part={part} hidden={words[part] === ""}>
              {words[part]}
            </span>
          ))}
          <span data-part="seen" hidden={live.online}>
            {lastSeenAt === null ? text.never : <Moment page={page} timeMs={lastSeenAt} template={text.seen} />}
          </span>
        </p>
      </div>
      <div data-part="wake" hidden={!live.wakeable}>
        <ActionButton request={`POST /api/agents/${id}/wake`} kind="quiet" label={text.wake} />
      </div>
      {isOwner ? (
        <>
          <div data-part="undrain" hidden={!live.draining}>
            <ActionButton request={`DELETE /api/agents/${id}/drain`} kind="quiet" label={text.undrain} />
          </div>
          <div data-part="drain" hidden={live.draining}>
            <ActionButton
              request={`POST /api/agents/${id}/drain`}
              kind="quiet"
              label={text.drain}
              ask={format(text.drainAsk, { name })}
            />
          </div>
          <details class="row-edit">
            <summary class="button button-quiet">{text.rename}</summary>
            <form class="inline-form" data-request={`PATCH /api/agents/${id}`}>
              <Field id={`name-${id}`} name="name" label={text.name} value={name} maxlength={128} required />
              <Button type="submit" label={text.save} />
              <FormError />
            </form>
          </details>
          <ActionButton
            request={`DELETE /api/agents/${id}`}
            kind="quiet"
            label={text.revoke}
            ask={format(text.revokeAsk, { name })}
          />
        </>
      ) : null}
    </li>
  );
}
