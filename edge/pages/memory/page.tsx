import { MEMORY_LIMITS } from "../../home/memory/limits.ts";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import type { SessionSettings } from "../../../shared/sessions/settings.ts";
import type { ShownFact } from "../../routes/memory-schema.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { TextArea } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

export interface MemoryPageProps {
  page: PageProps;
  facts: ShownFact[];
  settings: SessionSettings;
}

/** What one asked to have remembered, each to be reworded or forgotten, a form for more, and how one wants to be answered. */
export function MemoryPage({ page, facts, settings }: MemoryPageProps) {
  const { memory: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="memory" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      {facts.length === 0 ? (
        <EmptyState heading={text.empty} text={text.emptyText} />
      ) : (
        <>
          <p class="muted">{text.text}</p>
          <div class="stack">
            <ul class="rows" data-part="facts">
              {facts.map((fact) => (
                <FactRow page={page} fact={fact} />
              ))}
            </ul>
            <p class="field-hint">{format(text.count, { n: facts.length, most: MEMORY_LIMITS.factsPerPerson })}</p>
          </div>
        </>
      )}
      <Section heading={text.add} text={text.addText}>
        <form class="door-form" data-request="POST /api/memory">
          <TextArea id="text" label={text.fact} rows={2} maxlength={MEMORY_LIMITS.factCharacters} required />
          <p class="actions">
            <Button type="submit" kind="primary" label={text.put} />
          </p>
          <FormError />
        </form>
      </Section>
      <InstructionsSection page={page} settings={settings} />
      {facts.length < 2 ? null : (
        <Section heading={text.all} text={text.allText}>
          <ActionButton request="DELETE /api/memory" label={text.all} ask={text.allAsk} />
        </Section>
      )}
    </AccessShell>
  );
}

function InstructionsSection({ page, settings }: { page: PageProps; settings: SessionSettings }) {
  const { memory: text } = page.strings;
  return (
    <Section heading={text.instructions} text={text.instructionsText}>
      <form class="door-form" data-flow="save-instructions">
        <TextArea
          id="instructions"
          label={text.instructionsLabel}
          rows={4}
          maxlength={SESSION_LIMITS.instructionCharacters}
          value={settings.instructions ?? ""}
        />
        <div class="checks">
          <label>
            <input type="checkbox" name="usesFacts" checked={settings.memory !== "off"} />
            <span>{text.usesFacts}</span>
          </label>
        </div>
        <p class="actions">
          <Button type="submit" label={text.save} />
        </p>
        <p class="muted" data-part="saved" role="status" hidden>
          {text.saved}
        </p>
        <FormError />
      </form>
    </Section>
  );
}

function FactRow({ page, fact }: { page: PageProps; fact: ShownFact }) {
  const { memory: text } = page.strings;
  const { id, createdAt, updatedAt, source } = fact;
  const isChanged = updatedAt !== createdAt;
  return (
    <li class="row" data-fact={id}>
      <div class="row-main">
        <p class="row-name">{fact.text}</p>
        <p class="row-notes">
          <Moment
            page={page}
            timeMs={Date.parse(isChanged ? updatedAt : createdAt)}
            template={isChanged ? text.changed : text.added}
          />
          {source === null ? null : <span>{text.said}</span>}
        </p>
      </div>
      <details class="row-edit">
        <summary class="button button-quiet">{text.edit}</summary>
        <form class="door-form" data-request={`PATCH /api/memory/${id}`}>
          <TextArea
            id={`text-${id}`}
            name="text"
            label={text.fact}
            rows={2}
            maxlength={MEMORY_LIMITS.factCharacters}
            value={fact.text}
            required
          />
          <p class="actions">
            <Button type="submit" label={text.save} />
            <Button kind="quiet" label={text.hide} action="hide-details" />
          </p>
          <FormError />
        </form>
      </details>
      <ActionButton request={`DELETE /api/memory/${id}`} kind="quiet" label={text.forget} ask={text.forgetAsk} />
    </li>
  );
}
