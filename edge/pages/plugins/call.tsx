import type { WholeCallRecord } from "../../home/plugins/call-table.ts";
import { AccessShell, Moment, RecordPart } from "../access/parts.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

/** One call of a plugin: what went in, what came out, what it said meanwhile. */
export function CallPage({ page, call }: { page: PageProps; call: WholeCallRecord }) {
  const { plugins: text } = page.strings;
  const { plugin, version, tool, state, place, startedAtMs, ms, error, input, result, logs } = call;
  const name = `${plugin} ${tool}`;
  return (
    <AccessShell page={page} title={name} current="plugins" layout="settings">
      <header class="settings-head">
        <p>
          <a href="/plugins">{text.title}</a>
        </p>
        <h1 class="display">{name}</h1>
        <p class="row-notes">
          <span>{version}</span>
          <span>{text.states[state]}</span>
          {place === null ? null : <span>{text.places[place]}</span>}
          {ms === null ? null : <span>{format(text.ms, { n: Math.round(ms) })}</span>}
          <Moment page={page} timeMs={startedAtMs} template="{date}" />
        </p>
      </header>
      <RecordPart heading={text.input} text={input} />
      <RecordPart heading={text.result} text={result ?? error?.message ?? ""} />
      <RecordPart heading={text.logs} text={logs} />
    </AccessShell>
  );
}
