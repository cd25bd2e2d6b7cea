import type { DayRange, SourceUsage } from "../../home/usage.ts";
import { AccessShell, Section } from "../access/parts.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { type DayTokens, UsagePlot } from "./plot.tsx";

/** Ranges that can be chosen. */
export const RANGES_DAYS = [7, 30, 90] as const;

type Totals = Pick<
  SourceUsage,
  "requests" | "errors" | "promptTokens" | "completionTokens" | "cachedTokens" | "nodeSeconds"
>;

/** Tokens by day as a plot and as a table, and totals by key and model. */
export function UsagePage(props: { page: PageProps; range: DayRange; days: number; usage: SourceUsage[] }) {
  const { page, range, days, usage } = props;
  const { usage: text } = page.strings;
  const number = new Intl.NumberFormat(page.locale, { maximumFractionDigits: 1 });
  const byDay = groupBy(usage, ({ day }) => day);
  const total = addUp(usage);
  const tokens = number.format(total.promptTokens + total.completionTokens);
  return (
    <AccessShell page={page} title={text.title} current="usage" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
        <nav class="choices" aria-label={text.range}>
          {RANGES_DAYS.map((n) => (
            <a class="chip" href={`/usage?days=${n}`} aria-current={n === days ? "true" : undefined}>
              {format(text.days, { n })}
            </a>
          ))}
        </nav>
      </header>
      {usage.length === 0 ? (
        <EmptyState heading={text.empty} text={text.emptyText} />
      ) : (
        <>
          <Section heading={format(text.total, { tokens, requests: number.format(total.requests) })} text={text.text}>
            <UsagePlot page={page} days={everyDay(range, days).map((day) => tokensOf(day, byDay.get(day) ?? []))} />
            <p class="plot-legend">
              <span class="plot-key plot-key-prompt">{text.prompt}</span>
              <span class="plot-key plot-key-completion">{text.completion}</span>
            </p>
          </Section>
          <UsageTable
            page={page}
            caption={text.byKey}
            heads={[text.source, text.model]}
            rows={[...groupBy(usage, ({ source, model }) => `${source.id} ${model}`).values()].map((rows) => ({
              names: [nameOf(page, rows[0]), rows[0]?.model ?? ""],
              totals: addUp(rows),
            }))}
          />
          <UsageTable
            page={page}
            caption={text.byDay}
            heads={[text.day]}
            rows={[...byDay].toReversed().map(([day, rows]) => ({ names: [day], totals: addUp(rows) }))}
          />
        </>
      )}
    </AccessShell>
  );
}

function UsageTable(props: {
  page: PageProps;
  caption: string;
  heads: string[];
  rows: { names: string[]; totals: Totals }[];
}) {
  const { page, caption, heads, rows } = props;
  const { usage: text } = page.strings;
  const number = new Intl.NumberFormat(page.locale, { maximumFractionDigits: 1 });
  const columns = [
    ["requests", text.requests],
    ["promptTokens", text.prompt],
    ["cachedTokens", text.cached],
    ["completionTokens", text.completion],
    ["nodeSeconds", text.seconds],
    ["errors", text.errors],
  ] as const;
  return (
    <Section heading={caption}>
      <div class="table-scroll" tabindex={0} role="region" aria-label={caption}>
        <table class="figures">
          <thead>
            <tr>
              {heads.map((head) => (
                <th scope="col">{head}</th>
              ))}
              {columns.map(([, label]) => (
                <th scope="col" class="figure">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ names, totals }) => (
              <tr>
                {names.map((name, i) => (i === 0 ? <th scope="row">{name}</th> : <td>{name}</td>))}
                {columns.map(([name]) => (
                  <td class="figure">{number.format(totals[name])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function nameOf(page: PageProps, row: SourceUsage | undefined): string {
  const { usage: text } = page.strings;
  if (row === undefined || row.source.kind === "gone") return text.gone;
  return row.source.kind === "key" ? row.source.name : format(text.person, { name: row.source.name });
}

function tokensOf(day: string, rows: SourceUsage[]): DayTokens {
  const { promptTokens, completionTokens } = addUp(rows);
  return { day, prompt: promptTokens, completion: completionTokens };
}

function addUp(rows: readonly Totals[]): Totals {
  const total: Totals = {
    requests: 0,
    errors: 0,
    promptTokens: 0,
    completionTokens: 0,
    cachedTokens: 0,
    nodeSeconds: 0,
  };
  for (const row of rows) {
    total.requests += row.requests;
    total.errors += row.errors;
    total.promptTokens += row.promptTokens;
    total.completionTokens += row.completionTokens;
    total.cachedTokens += row.cachedTokens;
    total.nodeSeconds += row.nodeSeconds;
  }
  return total;
}

function groupBy(rows: readonly SourceUsage[], key: (row: SourceUsage) => string): Map<string, SourceUsage[]> {
  const groups = new Map<string, SourceUsage[]>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}

function everyDay({ from }: DayRange, days: number): string[] {
  const first = Date.parse(from);
  return Array.from({ length: days }, (_, i) => new Date(first + i * 24 * 3600_000).toISOString().slice(0, 10));
}
