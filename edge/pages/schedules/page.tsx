import type { ShownSchedule } from "../../routes/schedules-schema.ts";
import { AccessShell, ActionButton, FormError, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { PageData } from "../components/document.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Status } from "../components/status.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { describeSchedule, LIVE_PARTS, type ScheduleStrings, standing } from "./describe.ts";
import { ScheduleFields, type WebhookChoice } from "./fields.tsx";
import { describeRhythm } from "./rhythm.ts";

export interface SchedulesPageProps {
  page: PageProps;
  schedules: ShownSchedule[];
  /** Names of the models that one may ask. */
  models: string[];
  webhooks: WebhookChoice[];
}

/** One's scheduled prompts, kept up to date by the page's script, and a form for another. */
export function SchedulesPage({ page, schedules, models, webhooks }: SchedulesPageProps) {
  const { schedules: text } = page.strings;
  const strings: ScheduleStrings = { ...text, errors: page.strings.errors, locale: page.locale };
  const choices = { models, webhooks };
  return (
    <AccessShell page={page} title={text.title} current="schedules" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      {schedules.length === 0 ? (
        <EmptyState heading={text.empty} text={text.emptyText} />
      ) : (
        <p class="muted">{text.text}</p>
      )}
      <ul class="rows" data-part="schedules" hidden={schedules.length === 0}>
        {schedules.map((schedule) => (
          <ScheduleRow page={page} schedule={schedule} strings={strings} {...choices} />
        ))}
      </ul>
      {models.length === 0 ? (
        <Section heading={text.make} text={text.noModels}>
          <p>
            <ButtonLink href="/agents" kind="primary" label={text.toMachines} />
          </p>
        </Section>
      ) : (
        <Section heading={text.make} text={text.makeText}>
          <form class="door-form" data-flow="make-schedule" data-part="schedule-form">
            <ScheduleFields page={page} id="new" {...choices} />
            <p class="actions">
              <Button type="submit" kind="primary" label={text.put} />
            </p>
            <FormError />
          </form>
        </Section>
      )}
      <datalist id="zones" />
      <PageData id="schedules-data" data={strings} />
    </AccessShell>
  );
}

interface RowProps {
  page: PageProps;
  schedule: ShownSchedule;
  strings: ScheduleStrings;
  models: string[];
  webhooks: WebhookChoice[];
}

function ScheduleRow({ page, schedule, strings: text, models, webhooks }: RowProps) {
  const { id, title, prompt, cron, timeZone, toSession, webhookId, paused } = schedule;
  const words = describeSchedule(schedule, text);
  /** As it is where nobody gave it another name. */
  const isBeginning = prompt.startsWith(title);
  const host = webhooks.find((one) => one.id === webhookId)?.host;
  return (
    <li class="row row-wide" data-schedule={id}>
      <div class="row-main">
        <div class="row-title">
          <p class="row-name">{isBeginning && prompt !== title ? `${title}…` : title}</p>
          <Status {...standing(schedule, text)} part="state" />
        </div>
        {isBeginning ? null : <p class="schedule-prompt">{prompt}</p>}
        <p class="row-notes">
          <span>{`${describeRhythm(cron, text, page.locale)} (${timeZone})`}</span>
          {LIVE_PARTS.map((part) => (
            <span data-part={part} hidden={words[part] === ""}>
              {words[part]}
            </span>
          ))}
          <span>{schedule.model}</span>
          {toSession ? <span>{text.toSession}</span> : null}
          {webhookId === null ? null : (
            <span>{host === undefined ? text.webhookGone : format(text.toWebhook, { host })}</span>
          )}
        </p>
      </div>
      <details class="row-edit" data-part="runs">
        <summary class="button button-quiet">{text.runs}</summary>
        <ol class="delivery-log" data-part="run-list" aria-live="polite">
          <li>{text.loading}</li>
        </ol>
        <p class="actions">
          <Button kind="quiet" label={text.hide} action="hide-details" />
        </p>
      </details>
      <details class="row-edit">
        <summary class="button button-quiet">{text.edit}</summary>
        <form class="door-form" data-flow="change-schedule" data-part="schedule-form">
          <input type="hidden" name="id" value={id} />
          <ScheduleFields page={page} id={id} of={schedule} models={models} webhooks={webhooks} />
          <p class="actions">
            <Button type="submit" label={text.save} />
            <Button kind="quiet" label={text.cancel} action="hide-details" />
          </p>
          <FormError />
        </form>
      </details>
      <ActionButton request={`POST /api/schedules/${id}/run`} kind="quiet" label={text.runNow} />
      <ActionButton
        request={`PATCH /api/schedules/${id}`}
        body={{ paused: paused === null }}
        kind="quiet"
        label={paused === null ? text.pause : text.resume}
      />
      <ActionButton
        request={`DELETE /api/schedules/${id}`}
        kind="quiet"
        label={text.remove}
        ask={format(text.removeAsk, { title })}
      />
    </li>
  );
}
