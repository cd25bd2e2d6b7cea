import type { CataloguePlugin } from "../../../shared/market/catalogue.ts";
import { permissionWords, sizeWords } from "../../../shared/plugin/permission-words.ts";
import { AccessShell, FormError, Moment, Section } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { Select, TextArea } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { ConsentPanel } from "../plugins/consent.tsx";
import { type Buying, BuySection, isTheirs, priceWords } from "./buying.tsx";
import { inLocale, installsOf, Maker } from "./parts.tsx";
import { Readme } from "./readme.tsx";
import { Tile } from "./tile.tsx";
import { REPORT_REASONS } from "../../../shared/market/reports.ts";

/** Versions that are listed: the latest. */
const MOST_VERSIONS = 20;

/** One plugin: what it does, what it asks for in words, how it is installed, which versions there are. */
export function PluginPage(props: { page: PageProps; plugin: CataloguePlugin; buying: Buying; isReviewer: boolean }) {
  const { page, plugin, buying, isReviewer } = props;
  const { market } = page.strings;
  const { manifest, name } = plugin;
  const title = inLocale(page, plugin.title);
  return (
    <AccessShell page={page} title={title} current="market" layout="settings">
      <header class="plugin-head">
        <Tile name={name} title={title} icon={manifest.icon} />
        <div>
          <h1 class="display">{title}</h1>
          <p class="plugin-name">
            <code>{name}</code> <Maker page={page} entry={plugin} />
          </p>
        </div>
      </header>
      <p class="lead">{inLocale(page, plugin.description)}</p>
      <dl class="facts">
        <Fact name={market.version} text={plugin.version} />
        <Fact name={market.kind} text={market.kinds[plugin.kind]} />
        <Fact name={market.price} text={priceOf(page, manifest.price)} />
        <Fact name={market.installed} text={installsOf(page, plugin.installs)} />
        <Fact name={market.size} text={sizeWords(plugin.bytes)} />
        <dt>{market.updated}</dt>
        <dd>
          <Moment page={page} timeMs={Date.parse(plugin.updatedAt)} template="{date}" />
        </dd>
      </dl>
      <Section heading={market.asks} text={market.asksText}>
        <ul class="permissions">
          {permissionWords(manifest.permissions, page.locale).map(({ risk, text }) => (
            <li data-risk={risk}>{text}</li>
          ))}
        </ul>
      </Section>
      <BuySection page={page} plugin={plugin} buying={buying} />
      {isTheirs(buying) ? <InstallSection page={page} plugin={plugin} /> : null}
      {plugin.readme === "" ? null : (
        <Section heading={market.readme}>
          <Readme text={plugin.readme} />
        </Section>
      )}
      <Sources page={page} sources={manifest.data} />
      <Versions page={page} plugin={plugin} />
      {isReviewer ? (
        <p>
          <a href={`/reviews?plugin=${encodeURIComponent(name)}`}>{page.strings.publishing.everyVersion}</a>
        </p>
      ) : null}
      {page.person === undefined ? null : <ReportSection page={page} name={name} version={plugin.version} />}
    </AccessShell>
  );
}

/** Where it is installed, by page and by command. */
function InstallSection({ page, plugin }: { page: PageProps; plugin: CataloguePlugin }) {
  const { market, chat } = page.strings;
  return (
    <Section heading={market.install}>
      {page.person === undefined ? null : (
        <>
          <form data-flow="inspect-from-market">
            <input type="hidden" name="hash" value={plugin.hash} />
            <Button type="submit" kind="primary" label={market.installHere} />
            <FormError />
          </form>
          <ConsentPanel page={page} />
        </>
      )}
      <p class="muted">{market.installBy}</p>
      <Command code={`porchlight plugin install ${plugin.name}`} copyLabel={chat.copyCode} />
    </Section>
  );
}

function Fact({ name, text }: { name: string; text: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </>
  );
}

function Sources({ page, sources }: { page: PageProps; sources: CataloguePlugin["manifest"]["data"] }) {
  const { market } = page.strings;
  if (sources.length === 0) return null;
  return (
    <Section heading={market.sources}>
      <ul class="rows">
        {sources.map(({ source, licence, asOf, attribution }) => (
          <li class="row">
            <div class="row-main">
              <p class="row-name">{source}</p>
              <p class="row-notes">
                <span>{licence}</span>
                <span>{format(market.asOf, { date: asOf })}</span>
                <span>{attribution}</span>
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Versions({ page, plugin }: { page: PageProps; plugin: CataloguePlugin }) {
  const { market } = page.strings;
  return (
    <Section heading={market.versions}>
      <ul class="rows">
        {plugin.versions.slice(0, MOST_VERSIONS).map(({ version, state, words, publishedAt }) => (
          <li class="row">
            <div class="row-main">
              <p class="row-title">
                <span class="row-name">{version}</span>
                {state === "published" ? null : <span class="badge">{market.states[state]}</span>}
              </p>
              <p class="row-notes">
                <Moment page={page} timeMs={Date.parse(publishedAt)} template="{date}" />
                {words === "" ? null : <span>{words}</span>}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Something is wrong with it: reviewers look at what is reported. */
function ReportSection({ page, name, version }: { page: PageProps; name: string; version: string }) {
  const { market } = page.strings;
  return (
    <Section heading={market.report} text={market.reportText}>
      <form class="door-form" data-request={`POST /api/market/plugins/${name.slice(1)}/reports`}>
        <input type="hidden" name="version" value={version} />
        <div class="labelled">
          <Select id="reason" name="reason" label={market.reason}>
            {REPORT_REASONS.map((reason) => (
              <option value={reason}>{market.reasons[reason]}</option>
            ))}
          </Select>
        </div>
        <TextArea id="words" name="words" label={market.words} rows={3} maxlength={1000} />
        <p class="actions">
          <Button type="submit" label={market.send} />
        </p>
        <FormError />
      </form>
    </Section>
  );
}

function priceOf(page: PageProps, price: CataloguePlugin["manifest"]["price"]): string {
  return price === undefined ? page.strings.market.free : priceWords(page, price);
}
