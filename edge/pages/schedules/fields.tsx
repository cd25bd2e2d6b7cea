import { SCHEDULE_LIMITS } from "../../home/schedules/limits.ts";
import type { ShownSchedule } from "../../routes/schedules-schema.ts";
import { Field, Select, TextArea } from "../components/field.tsx";
import type { PageProps } from "../page-props.ts";
import { dayName, DAYS_OF_MONTH, FIRST_RHYTHM, MINUTES, type RhythmKind, RHYTHMS, rhythmOf, WEEK } from "./rhythm.ts";

/** Where answers may be sent. */
export interface WebhookChoice {
  id: string;
  host: string;
}

interface FieldsProps {
  page: PageProps;
  /** Makes the fields' ids differ. */
  id: string;
  of?: ShownSchedule;
  models: readonly string[];
  webhooks: readonly WebhookChoice[];
}

/** All of a schedule that one may set. The page's script shows what the chosen rhythm has, and the times that it comes to. */
export function ScheduleFields({ page, id, of: schedule, models, webhooks }: FieldsProps) {
  const { schedules: text } = page.strings;
  const model = schedule?.model;
  const names = model === undefined || models.includes(model) ? models : [model, ...models];
  return (
    <>
      <TextArea
        id={`prompt-${id}`}
        name="prompt"
        label={text.prompt}
        rows={3}
        maxlength={SCHEDULE_LIMITS.promptCharacters}
        value={schedule?.prompt ?? ""}
        required
      />
      <div class="field-row field-row-top">
        <Field
          id={`title-${id}`}
          name="title"
          label={text.name}
          maxlength={SCHEDULE_LIMITS.titleCharacters}
          autocomplete="off"
          value={schedule?.title ?? ""}
          {...(schedule === undefined ? { hint: text.nameHint } : {})}
        />
        <Choice
          id={`model-${id}`}
          name="model"
          label={text.model}
          options={names.map((name) => [name, name])}
          of={model}
        />
      </div>
      <RhythmFields page={page} id={id} cron={schedule?.cron} timeZone={schedule?.timeZone ?? "UTC"} />
      <fieldset class="checks">
        <legend>{text.answers}</legend>
        <label>
          <input type="checkbox" name="toSession" checked={schedule?.toSession ?? true} />
          <span>{text.intoSession}</span>
        </label>
      </fieldset>
      {webhooks.length === 0 ? null : (
        <Choice
          id={`webhook-${id}`}
          name="webhookId"
          label={text.webhook}
          options={[["", text.noWebhook], ...webhooks.map((one) => [one.id, one.host] as const)]}
          of={schedule?.webhookId ?? ""}
        />
      )}
    </>
  );
}

function RhythmFields(props: { page: PageProps; id: string; cron: string | undefined; timeZone: string }) {
  const { page, id, timeZone } = props;
  const { schedules: text } = page.strings;
  const rhythm = props.cron === undefined ? FIRST_RHYTHM : rhythmOf(props.cron);
  const minutes = [...new Set([...MINUTES, rhythm.minute])].toSorted((a, b) => a - b);
  const only = (...kinds: RhythmKind[]) => ({
    "data-rhythms": kinds.join(" "),
    hidden: !kinds.includes(rhythm.kind),
  });
  return (
    <>
      <div class="field-row">
        <Choice
          id={`kind-${id}`}
          name="kind"
          label={text.when}
          options={RHYTHMS.map((kind) => [kind, text.kinds[kind]])}
          of={rhythm.kind}
        />
        <div {...only("daily", "weekdays", "weekly", "monthly")}>
          <Field id={`time-${id}`} name="time" type="time" label={text.time} value={rhythm.time} />
        </div>
        <div {...only("monthly")}>
          <Choice
            id={`day-${id}`}
            name="dayOfMonth"
            label={text.dayOfMonth}
            options={DAYS_OF_MONTH.map((day) => [day, day === "L" ? text.lastDay : day])}
            of={rhythm.dayOfMonth}
          />
        </div>
        <div {...only("hourly")}>
          <Choice
            id={`minute-${id}`}
            name="minute"
            label={text.minute}
            options={minutes.map((minute) => [String(minute), String(minute).padStart(2, "0")])}
            of={String(rhythm.minute)}
          />
        </div>
      </div>
      <fieldset class="checks checks-row" {...only("weekly")}>
        <legend>{text.days}</legend>
        {WEEK.map((day) => (
          <label>
            <input type="checkbox" name={`day ${day}`} checked={rhythm.days.includes(day)} />
            <span>{dayName(day, page.locale, "short")}</span>
          </label>
        ))}
      </fieldset>
      <div {...only("cron")}>
        <Field
          id={`cron-${id}`}
          name="cron"
          label={text.cron}
          hint={text.cronHint}
          maxlength={SCHEDULE_LIMITS.cronCharacters}
          autocomplete="off"
          value={rhythm.cron}
        />
      </div>
      <Field
        id={`zone-${id}`}
        name="timeZone"
        label={text.timeZone}
        list="zones"
        autocomplete="off"
        value={timeZone}
        required
      />
      <div class="stack" data-part="preview" aria-live="polite" hidden>
        <p class="field-hint">{text.preview}</p>
        <ul class="times" data-part="times" />
        <p class="form-error" data-part="preview-error" hidden />
      </div>
    </>
  );
}

/** A labelled select of value and words. */
function Choice(props: {
  id: string;
  name: string;
  label: string;
  options: readonly (readonly [value: string, words: string])[];
  of: string | undefined;
}) {
  return (
    <div class="labelled">
      <Select id={props.id} name={props.name} label={props.label}>
        {props.options.map(([value, words]) => (
          <option value={value} selected={value === props.of}>
            {words}
          </option>
        ))}
      </Select>
    </div>
  );
}
