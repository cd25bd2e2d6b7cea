import {
  describeJob,
  type JobStrings,
  lastDelivery,
  LIVE_PARTS,
  type LiveJob,
  type LiveWebhook,
  standing,
} from "../../jobs/describe.ts";
import { part } from "../ui/dom.ts";

/** How often a visible page asks how the jobs are. */
const POLL_MS = 2_000;

/** Keeps the page of jobs up to date while somebody looks at it, and fetches answers as they are opened. */
export function watchJobs(): void {
  const data = document.querySelector("#jobs-data")?.textContent ?? "{}";
  const strings = JSON.parse(data) as JobStrings; // the server of the same build wrote it
  const list = part("jobs");
  const isFirstPage = !new URLSearchParams(location.search).has("before");

  async function poll(): Promise<void> {
    if (document.hidden) return;
    const response = await fetch(`/api/jobs${location.search}`);
    if (response.ok) show(((await response.json()) as { jobs: LiveJob[] }).jobs); // our own route
    if (document.querySelector("[data-webhook]") === null) return;
    const answer = await fetch("/api/webhooks");
    if (answer.ok) showWebhooks(((await answer.json()) as { webhooks: LiveWebhook[] }).webhooks); // as above
  }

  function show(jobs: LiveJob[]): void {
    const rows = [...list.querySelectorAll<HTMLElement>("[data-job]")];
    // Jobs came or went: the page is made anew, unless that takes something away.
    const isOther = isFirstPage && jobs.map(({ id }) => id).join() !== rows.map((row) => row.dataset["job"]).join();
    if (isOther && !isBusy()) return location.reload();
    for (const row of rows) {
      const job = jobs.find(({ id }) => id === row.dataset["job"]);
      if (job) update(row, job, strings);
    }
  }

  function showWebhooks(webhooks: LiveWebhook[]): void {
    for (const webhook of webhooks) {
      const words = document.querySelector(`[data-webhook="${CSS.escape(webhook.id)}"] [data-part="last-delivery"]`);
      if (words) setText(words, lastDelivery(webhook, strings));
    }
  }

  for (const row of list.querySelectorAll<HTMLElement>("[data-job]")) {
    const answer = row.querySelector<HTMLDetailsElement>('[data-part="answer"]');
    answer?.addEventListener("toggle", () => {
      if (answer.open) void readAnswer(row, strings);
    });
  }
  const next = () =>
    setTimeout(
      () =>
        void poll()
          .catch(() => undefined) // offline: the next one may do
          .finally(next),
      POLL_MS,
    );
  next();
}

function update(row: HTMLElement, job: LiveJob, strings: JobStrings): void {
  const words = describeJob(job, strings, Date.now());
  for (const name of LIVE_PARTS) {
    const element = part(name, row);
    element.hidden = words[name] === "";
    setText(element, words[name]);
  }
  const { label, state } = standing(job, strings);
  part("state", row).dataset["state"] = state;
  setText(part("status-label", row), label);
  row.dataset["state"] = job.state;
  const isActive = job.endedAt === null;
  part("deadline", row).hidden = !isActive;
  part("cancel", row).hidden = !isActive;
  part("forget", row).hidden = isActive;
  const answer = row.querySelector<HTMLElement>('[data-part="answer"]');
  if (answer) answer.hidden = job.state !== "completed";
}

/** Written only on a change: a live region speaks whenever its text is set. */
function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

async function readAnswer(row: HTMLElement, strings: JobStrings): Promise<void> {
  const text = part("answer-text", row);
  try {
    const response = await fetch(`/api/jobs/${row.dataset["job"] ?? ""}`);
    // Our own route, for a completed job of one's own.
    const { result } = (await response.json()) as {
      result: { choices: { message: { content: string | null } }[] } | null;
    };
    setText(text, result?.choices[0]?.message.content || strings.noText);
  } catch {
    setText(text, strings.failures.unreachable);
  }
}

/** Whether a reload would take something away: an answer being read, a question being written, a secret not copied yet. */
function isBusy(): boolean {
  const isWritten = [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("#question, #url")].some(
    (field) => field.value !== "",
  );
  const isOpen = document.querySelector('details[open], dialog[open], [data-part="webhook-secret"]:not([hidden])');
  return isWritten || isOpen !== null;
}
