import type { Child } from "hono/jsx";
import { Button } from "../components/button.tsx";
import { PageData } from "../components/document.tsx";
import { Notice } from "../components/notice.tsx";
import { type Place, ReadingShell } from "../components/shell.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import type { AccessPageData } from "./page-data.ts";

/** A page about people and their keys: the shell, the script with its strings, and what the script fills. */
export function AccessShell(props: {
  page: PageProps;
  title: string;
  current?: Place;
  data?: Partial<AccessPageData>;
  layout: "settings" | "door";
  children?: Child;
}) {
  const { page } = props;
  const { access, ask, chat, errors } = page.strings;
  return (
    <ReadingShell
      page={page}
      title={props.title}
      script="account.js"
      {...(props.current === undefined ? {} : { current: props.current })}
    >
      <main class={props.layout} id="content">
        {props.children}
      </main>
      <dialog class="ask" data-part="ask" aria-labelledby="ask-text">
        <p id="ask-text" data-part="ask-text" />
        <form method="dialog" class="actions">
          <Button type="submit" value="no" label={ask.no} />
          <Button type="submit" value="yes" kind="bad" label={ask.yes} />
        </form>
      </dialog>
      <div class="toasts" data-part="toasts" role="status" />
      <template id="template-toast">
        <div class="toast">
          <span data-part="toast-text" />
          <Button kind="quiet" icon="close" iconOnly label={chat.dismiss} action="toast-close" />
        </div>
      </template>
      <PageData id="page-data" data={{ fileName: "", ...props.data, strings: { ...access, errors } }} />
    </ReadingShell>
  );
}

/** One matter of a page: a heading, a line about it, and what one can do. */
export function Section(props: { heading: string; text?: string; children?: Child }) {
  return (
    <section class="section">
      <h2>{props.heading}</h2>
      {props.text === undefined ? null : <p class="muted">{props.text}</p>}
      {props.children}
    </section>
  );
}

/** A text of a record, as it was; nothing where there is none. */
export function RecordPart({ heading, text }: { heading: string; text: string }) {
  if (text === "") return null;
  return (
    <Section heading={heading}>
      <pre class="record" tabindex={0}>
        {text}
      </pre>
    </Section>
  );
}

/** Where a form says what went wrong. */
export function FormError() {
  return <p class="form-error" data-part="form-error" role="alert" hidden />;
}

/** A moment; the script shows it in the reader's own time zone. */
export function Moment({ page, timeMs, template }: { page: PageProps; timeMs: number; template: string }) {
  const date = new Date(timeMs);
  const text = new Intl.DateTimeFormat(page.locale, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const [before = "", after = ""] = format(template, { date: "\0" }).split("\0");
  return (
    <span>
      {before}
      <time datetime={date.toISOString()}>{text.format(date)}</time>
      {after}
    </span>
  );
}

/** A button that sends a request, after a question where there is one; then the page is loaded again. */
export function ActionButton(props: {
  request: string;
  label: string;
  ask?: string;
  kind?: "plain" | "quiet";
  /** What the request says, as JSON. */
  body?: Readonly<Record<string, string | boolean | null>>;
}) {
  const body = props.body && JSON.stringify(props.body);
  return (
    <form data-request={props.request} data-ask={props.ask} data-body={body}>
      <Button type="submit" kind={props.kind ?? "plain"} label={props.label} />
      <FormError />
    </form>
  );
}

/** Recovery codes, hidden until the script has some to show. */
export function CodesPanel({ page }: { page: PageProps }) {
  const { codes } = page.strings;
  return (
    <Notice part="codes" hidden>
      <h2 tabindex={-1} data-part="codes-heading">
        {codes.heading}
      </h2>
      <p class="muted">{codes.text}</p>
      <ul class="codes" data-part="codes-list" />
      <p class="actions">
        <Button icon="copy" label={codes.copy} action="copy-codes" />
        <Button icon="save" label={codes.save} action="save-codes" />
        <Button kind="primary" label={codes.done} action="codes-done" />
      </p>
    </Notice>
  );
}
