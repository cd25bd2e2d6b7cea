import { AccessShell, ActionButton, Moment, Section } from "../access/parts.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import type { ShownVersion } from "../../routes/market-schema.ts";
import type { MarketPerson } from "../../market/roles.ts";
import type { ReportReason } from "../../../shared/market/reports.ts";
import type { PageProps } from "../page-props.ts";
import { pluginPath } from "./parts.tsx";
import { MarketPeople } from "./people.tsx";
import { StateBadge } from "./version-parts.tsx";

export interface Waiting {
  version: ShownVersion;
  /** `mine`: on this reviewer's desk; `other`: on somebody else's. */
  claimed: "mine" | "other" | "no";
}

export interface ShownReport {
  plugin: string;
  version: string;
  reason: ReportReason;
  words: string;
  atMs: number;
  hidden: boolean;
}

/** What waits for a reviewer, the longest first, and what people reported. */
export function DeskPage(props: {
  page: PageProps;
  waiting: Waiting[];
  reports: ShownReport[];
  /** For those who administer the market. */
  people?: MarketPerson[] | undefined;
}) {
  const { page, waiting, reports, people } = props;
  const { publishing: text } = page.strings;
  return (
    <AccessShell page={page} title={text.desk} current="market" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.desk}</h1>
      </header>
      {waiting.length === 0 ? (
        <EmptyState heading={text.deskEmpty} text={text.deskEmptyText} />
      ) : (
        <VersionRows page={page} versions={waiting} />
      )}
      {reports.length === 0 ? null : <Reports page={page} reports={reports} />}
      {people === undefined ? null : <MarketPeople page={page} people={people} />}
    </AccessShell>
  );
}

/** Every version of one plugin, whatever became of it. */
export function PluginVersionsPage(props: { page: PageProps; plugin: string; versions: Waiting[] }) {
  const { page, plugin, versions } = props;
  const { publishing: text } = page.strings;
  return (
    <AccessShell page={page} title={plugin} current="market" layout="settings">
      <header class="settings-head">
        <p>
          <a href="/reviews">{text.desk}</a>
        </p>
        <h1 class="display">{plugin}</h1>
      </header>
      {versions.length === 0 ? (
        <EmptyState heading={text.noVersions} text={text.noVersionsText} />
      ) : (
        <VersionRows page={page} versions={versions} />
      )}
    </AccessShell>
  );
}

function VersionRows({ page, versions }: { page: PageProps; versions: Waiting[] }) {
  const { publishing: text } = page.strings;
  return (
    <ul class="rows">
      {versions.map(({ version: { id, plugin, version, state, stateAt, official }, claimed }) => (
        <li class="row">
          <div class="row-main">
            <p class="row-title">
              <a class="row-name" href={`/reviews/${id}`}>
                {plugin} {version}
              </a>
              <StateBadge page={page} state={state} />
              {official ? <span class="badge">{page.strings.market.official}</span> : null}
            </p>
            <p class="row-notes">
              <Moment page={page} timeMs={Date.parse(stateAt)} template={text.since} />
              {claimed === "no" ? null : <span>{claimed === "mine" ? text.claimedMine : text.claimedOther}</span>}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Reports({ page, reports }: { page: PageProps; reports: ShownReport[] }) {
  const { publishing: text, market } = page.strings;
  const byPlugin = Map.groupBy(reports, ({ plugin }) => plugin);
  return (
    <Section heading={text.reports} text={text.reportsText}>
      <ul class="rows">
        {[...byPlugin].map(([plugin, of]) => (
          <li class="row">
            <div class="row-main">
              <p class="row-title">
                <a class="row-name" href={pluginPath(plugin)}>
                  {plugin}
                </a>
                {of.some(({ hidden }) => hidden) ? <span class="badge">{text.hidden}</span> : null}
              </p>
              {of.map(({ version, reason, words, atMs }) => (
                <p class="row-notes">
                  <span>{version}</span>
                  <span>{market.reasons[reason]}</span>
                  <span>{words}</span>
                  <Moment page={page} timeMs={atMs} template="{date}" />
                </p>
              ))}
            </div>
            <div class="actions">
              <SettleButton plugin={plugin} decision="show" label={text.settleShow} />
              <SettleButton plugin={plugin} decision="hide" label={text.settleHide} />
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function SettleButton({ plugin, decision, label }: { plugin: string; decision: "show" | "hide"; label: string }) {
  return (
    <ActionButton
      request={`POST /api/market/plugins/${plugin.slice(1)}/reports/settle`}
      label={label}
      kind="quiet"
      body={{ decision }}
    />
  );
}
