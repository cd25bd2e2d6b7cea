import { Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { PageData } from "../components/document.tsx";
import { Notice } from "../components/notice.tsx";
import type { PageProps } from "../page-props.ts";
import type { ImportPageData } from "./page-data.ts";

/** A picker for an export file, and how its import goes. The page needs the script `import.js`. */
export function ImportSection({ page }: { page: PageProps }) {
  const { transfer: text, errors } = page.strings;
  const data: ImportPageData = { strings: { ...text, errors }, locale: page.locale };
  return (
    <Section heading={text.import} text={text.importText}>
      <form class="door-form" data-part="import-form">
        <div class="field">
          <label for="import-file">{text.file}</label>
          <input id="import-file" name="file" type="file" accept=".zip,.json,.ndjson,.jsonl" required />
        </div>
        <p class="actions">
          <Button type="submit" kind="primary" label={text.start} part="import-start" />
          <Button label={text.stop} part="import-stop" hidden />
        </p>
      </form>
      <div class="stack" data-part="import-progress" hidden>
        <progress aria-label={text.import} data-part="import-bar" />
        <p class="field-hint" data-part="import-count" />
      </div>
      <Notice part="import-done" role="status" hidden>
        <p data-part="import-result" />
        <p class="actions" data-part="import-next" hidden>
          <ButtonLink href="/" label={text.toChat} />
        </p>
      </Notice>
      <div class="stack" data-part="import-problems" hidden>
        <h3>{text.problems}</h3>
        <ul class="rows" data-part="import-problem-list" />
        <p class="field-hint" data-part="import-more" hidden />
      </div>
      <template id="template-import-problem">
        <li class="row">
          <div class="row-main">
            <p class="row-name" data-part="problem-place" />
            <p class="row-notes">
              <span data-part="problem-kind" />
              <span data-part="problem-text" />
            </p>
          </div>
        </li>
      </template>
      <PageData id="import-data" data={data} />
    </Section>
  );
}

/** A download of all of one's conversations. */
export function ExportSection({ page }: { page: PageProps }) {
  const { transfer: text } = page.strings;
  return (
    <Section heading={text.export} text={text.exportText}>
      <p class="actions">
        <ButtonLink href="/api/sessions/export" icon="save" label={text.download} />
      </p>
    </Section>
  );
}
