import {
  describeRun,
  describeSchedule,
  LIVE_PARTS,
  type LiveRun,
  type LiveSchedule,
  standing,
} from "../../schedules/describe.ts";
import { part } from "../ui/dom.ts";
import { itemOf, watchForm } from "./form.ts";
import { scheduleStrings } from "./strings.ts";

/** How often a visible page asks how the schedules are: while one runs, and else. */
const RUNNING_POLL_MS = 2_000;
const POLL_MS = 20_000;

/** Keeps the page of schedules up to date while somebody looks at it, and its forms what they say. */
export function watchSchedules(): void {
  const text = scheduleStrings();
  nameZones();
  for (const form of document.querySelectorAll<HTMLFormElement>('form[data-part="schedule-form"]'))
    watchForm(form, text);
  for (const row of document.querySelectorAll<HTMLElement>("[data-schedule]")) {
    const runs = row.querySelector<HTMLDetailsElement>('details[data-part="runs"]');
    runs?.addEventListener("toggle", () => {
      if (runs.open) void showRuns(row).catch(() => undefined); // Offline: opening it once more may do.
    });
  }

  async function showRuns(row: HTMLElement): Promise<void> {
    const response = await fetch(`/api/schedules/${row.dataset["schedule"] ?? ""}/runs`);
    if (!response.ok) return;
    const { runs } = (await response.json()) as { runs: LiveRun[] }; // our own route
    const zone = row.querySelector<HTMLInputElement>('[name="timeZone"]')?.defaultValue ?? "UTC";
    const lines = runs.length === 0 ? [text.noRuns] : runs.map((run) => describeRun(run, zone, text));
    part("run-list", row).replaceChildren(...lines.map(itemOf));
  }

  async function poll(): Promise<void> {
    if (document.hidden || document.querySelector("[data-schedule]") === null) return;
    const response = await fetch("/api/schedules");
    if (!response.ok) return;
    const { schedules } = (await response.json()) as { schedules: LiveSchedule[] }; // our own route
    for (const schedule of schedules) {
      const row = document.querySelector<HTMLElement>(`[data-schedule="${CSS.escape(schedule.id)}"]`);
      if (row) update(row, schedule);
    }
  }

  function update(row: HTMLElement, schedule: LiveSchedule): void {
    const words = describeSchedule(schedule, text);
    for (const name of LIVE_PARTS) {
      const element = part(name, row);
      element.hidden = words[name] === "";
      setText(element, words[name]);
    }
    const { label, state } = standing(schedule, text);
    part("state", row).dataset["state"] = state;
    setText(part("status-label", row), label);
  }

  const next = (): void => {
    const isRunning = document.querySelector('[data-schedule] [data-part="state"][data-state="wait"]') !== null;
    const again = () =>
      void poll()
        .catch(() => undefined) // offline: the next one may do
        .finally(next);
    setTimeout(again, isRunning ? RUNNING_POLL_MS : POLL_MS);
  };
  next();
}

/** Lists the zones that the browser knows, and begins a new schedule in its own. */
function nameZones(): void {
  const list = document.querySelector("#zones");
  list?.append(...Intl.supportedValuesOf("timeZone").map((name) => new Option(name, name)));
  const field = document.querySelector<HTMLInputElement>('[data-flow="make-schedule"] [name="timeZone"]');
  if (field) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Written only on a change: a live region speaks whenever its text is set. */
function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
