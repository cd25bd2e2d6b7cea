import { MEMORY_LIMITS } from "../../home/memory/limits.ts";
import type { ShownFact } from "../../routes/memory-schema.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { TextArea } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

/** What one asked to have remembered, each to be reworded or forgotten, and a form for more. */
export function MemoryPage({ page, facts }: { page: PageProps; facts: ShownFact[] }) {
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
      {facts.length < 2 ? null : (
        <Section heading={text.all} text={text.allText}>
          <ActionButton request="DELETE /api/memory" label={text.all} ask={text.allAsk} />
        </Section>
      )}
    </AccessShell>
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
