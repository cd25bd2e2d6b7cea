import { hasRole } from "../../access/roles.ts";
import type { ShownJob } from "../../routes/jobs-schema.ts";
import type { ShownWebhook } from "../../routes/webhooks-schema.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { PageData } from "../components/document.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Select, TextArea } from "../components/field.tsx";
import { Status } from "../components/status.tsx";
import type { PageProps } from "../page-props.ts";
import { describeJob, type JobStrings, LIVE_PARTS, standing } from "./describe.ts";
import { WebhookSection } from "./webhooks.tsx";

const PRIORITIES = ["low", "normal", "high"] as const;

export interface JobsPageProps {
  page: PageProps;
  jobs: ShownJob[];
  /** Leads to what is older; null: that is all. */
  next: string | null;
  /** Whether this is not the first page. */
  isLater: boolean;
  webhooks: ShownWebhook[];
  /** Names of the models that one may ask. */
  models: string[];
  nowMs: number;
}

/** One's jobs, kept up to date by the page's script, a form for another, and who is told when they end. */
export function JobsPage({ page, jobs, next, isLater, webhooks, models, nowMs }: JobsPageProps) {
  const { jobs: text } = page.strings;
  const strings: JobStrings = { ...text, errors: page.strings.errors, locale: page.locale };
  return (
    <AccessShell page={page} title={text.title} current="jobs" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
      </header>
      {jobs.length === 0 ? <EmptyState heading={text.empty} text={text.emptyText} /> : <p class="muted">{text.text}</p>}
      <ul class="rows" data-part="jobs" hidden={jobs.length === 0}>
        {jobs.map((job) => (
          <JobRow page={page} job={job} strings={strings} nowMs={nowMs} />
        ))}
      </ul>
      {isLater || next !== null ? (
        <p class="actions">
          {isLater ? <ButtonLink href="/jobs" label={text.newest} /> : null}
          {next === null ? null : <ButtonLink href={`/jobs?before=${next}`} label={text.older} />}
        </p>
      ) : null}
      <AskSection page={page} models={models} />
      {page.person !== undefined && hasRole(page.person.role, "member") ? (
        <WebhookSection page={page} webhooks={webhooks} strings={strings} />
      ) : null}
      <PageData id="jobs-data" data={strings} />
    </AccessShell>
  );
}

function AskSection({ page, models }: { page: PageProps; models: string[] }) {
  const { jobs: text } = page.strings;
  if (models.length === 0) {
    return (
      <Section heading={text.ask} text={text.noModels}>
        <p>
          <ButtonLink href="/agents" kind="primary" label={text.toMachines} />
        </p>
      </Section>
    );
  }
  return (
    <Section heading={text.ask} text={text.askText}>
      <form class="door-form" data-flow="make-job">
        <TextArea id="question" label={text.question} required />
        <div class="field-row">
          <div class="labelled">
            <Select id="model" name="model" label={text.model}>
              {models.map((name) => (
                <option value={name}>{name}</option>
              ))}
            </Select>
          </div>
          <div class="labelled">
            <Select id="priority" name="priority" label={text.priority}>
              {PRIORITIES.map((priority) => (
                <option value={priority} selected={priority === "normal"}>
                  {text.priorities[priority]}
                </option>
              ))}
            </Select>
          </div>
        </div>
        <p class="actions">
          <Button type="submit" kind="primary" label={text.put} />
        </p>
        <FormError />
      </form>
    </Section>
  );
}

function JobRow(props: { page: PageProps; job: ShownJob; strings: JobStrings; nowMs: number }) {
  const { page, job, strings: text, nowMs } = props;
  const words = describeJob(job, text, nowMs);
  const isActive = job.endedAt === null;
  return (
    <li class="row" data-job={job.id} data-state={job.state}>
      <div class="row-main">
        <div class="row-title">
          <p class="row-name">{job.mine ? job.title || text.untitled : text.somebody}</p>
          <Status {...standing(job, text)} part="state" />
        </div>
        <p class="row-notes">
          {LIVE_PARTS.map((part) => (
            <span data-part={part} hidden={words[part] === ""}>
              {words[part]}
            </span>
          ))}
          <span>{job.model}</span>
          {job.priority === "normal" ? null : <span>{`${text.priority}: ${text.priorities[job.priority]}`}</span>}
          <Moment page={page} timeMs={Date.parse(job.createdAt)} template={text.asked} />
          {job.endedAt === null ? null : <Moment page={page} timeMs={Date.parse(job.endedAt)} template={text.ended} />}
          <span data-part="deadline" hidden={!isActive}>
            <Moment page={page} timeMs={Date.parse(job.deadline)} template={text.deadline} />
          </span>
        </p>
      </div>
      {job.mine ? (
        <details class="row-edit" data-part="answer" hidden={job.state !== "completed"}>
          <summary class="button button-quiet">{text.answer}</summary>
          <p class="job-answer" data-part="answer-text" aria-live="polite">
            {text.loading}
          </p>
          <p class="actions">
            <Button kind="quiet" label={text.hide} action="hide-details" />
          </p>
        </details>
      ) : null}
      <div data-part="cancel" hidden={!isActive}>
        <ActionButton
          request={`POST /api/jobs/${job.id}/cancel`}
          kind="quiet"
          label={text.cancel}
          ask={text.cancelAsk}
        />
      </div>
      <div data-part="forget" hidden={isActive}>
        <ActionButton request={`DELETE /api/jobs/${job.id}`} kind="quiet" label={text.forget} ask={text.forgetAsk} />
      </div>
    </li>
  );
}
