import type { ShownWholeDelivery } from "../../routes/inbound-webhooks-schema.ts";
import { AccessShell, Moment, RecordPart } from "../access/parts.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

/** One message that arrived, and what came of it. */
export function DeliveryPage({
  page,
  name,
  delivery,
}: {
  page: PageProps;
  name: string;
  delivery: ShownWholeDelivery;
}) {
  const { hooks: text } = page.strings;
  const { state, receivedAt, bytes, headers, body, answer, error, call } = delivery;
  const said = Object.entries(headers).map(([header, value]) => `${header}: ${value}`);
  return (
    <AccessShell page={page} title={name} current="plugins" layout="settings">
      <header class="settings-head">
        <h1 class="display">{name}</h1>
        <p>
          <a href="/hooks">{text.title}</a>
        </p>
        <p class="row-notes">
          <span>{text.states[state]}</span>
          <span>{format(text.bytes, { n: bytes })}</span>
          <Moment page={page} timeMs={Date.parse(receivedAt)} template={text.received} />
          {call === null ? null : <a href={`/plugins/calls/${call}`}>{text.call}</a>}
        </p>
      </header>
      <RecordPart heading={text.problem} text={error?.message ?? ""} />
      <RecordPart heading={text.body} text={body ?? text.noText} />
      <RecordPart heading={text.headers} text={said.join("\n")} />
      <RecordPart heading={text.answer} text={answer ?? ""} />
    </AccessShell>
  );
}
