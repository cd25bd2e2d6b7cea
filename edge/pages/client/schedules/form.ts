import { cronOf, FIRST_RHYTHM, type Rhythm, type RhythmKind, RHYTHMS } from "../../schedules/rhythm.ts";
import { momentIn, type ScheduleStrings } from "../../schedules/describe.ts";
import { RefusedError } from "../access/request.ts";
import { part } from "../ui/dom.ts";

/** How long the fields rest before the times are asked for. */
const REST_MS = 300;

type Fields = Record<string, string>;

/** The cron expression that the fields of a form say; empty where it wants days and has none. */
export function cronOfFields(fields: Fields): string {
  const days = Object.keys(fields).filter((name) => name.startsWith("day "));
  const rhythm: Rhythm = {
    kind: RHYTHMS.find((kind) => kind === fields["kind"]) ?? "cron",
    time: fields["time"] || FIRST_RHYTHM.time,
    days: days.map((name) => Number(name.slice("day ".length))),
    dayOfMonth: fields["dayOfMonth"] ?? FIRST_RHYTHM.dayOfMonth,
    minute: Number(fields["minute"] ?? 0),
    cron: fields["cron"] ?? "",
  };
  return cronOf(rhythm);
}

/** Has a form show the fields of its rhythm, and the times that they come to. */
export function watchForm(form: HTMLFormElement, text: ScheduleStrings): void {
  let rest: ReturnType<typeof setTimeout> | undefined;
  let asked = "";
  const changed = (): void => {
    const fields = fieldsOf(form);
    for (const element of form.querySelectorAll<HTMLElement>("[data-rhythms]")) {
      const kinds = (element.dataset["rhythms"] ?? "").split(" ") as RhythmKind[]; // the server of the same build wrote it
      element.hidden = !kinds.some((kind) => kind === fields["kind"]);
    }
    clearTimeout(rest);
    rest = setTimeout(() => {
      const query = new URLSearchParams({ cron: cronOfFields(fields), timeZone: fields["timeZone"] ?? "" });
      if (query.toString() === asked) return;
      asked = query.toString();
      void preview(query).catch(() => undefined); // Offline: the form itself says so when it is sent.
    }, REST_MS);
  };

  async function preview(query: URLSearchParams): Promise<void> {
    const cron = query.get("cron") ?? "";
    const response = cron === "" ? undefined : await fetch(`/api/schedule-times?${query.toString()}`);
    if (query.toString() !== asked) return;
    const box = part("preview", form);
    const error = part("preview-error", form);
    box.hidden = false;
    const times = part("times", form);
    times.replaceChildren();
    error.hidden = response?.ok === true;
    if (response === undefined) error.textContent = text.noDays;
    else if (response.ok) {
      const answer = (await response.json()) as { times: string[] }; // our own route
      times.append(...answer.times.map((time) => itemOf(momentIn(query.get("timeZone") ?? "UTC", time, text.locale))));
    } else {
      const answer = (await response.json()) as { error: { message: string } }; // the one shape of the edge's errors
      error.textContent = answer.error.message;
    }
  }

  form.addEventListener("input", changed);
  const details = form.closest("details");
  if (details) details.addEventListener("toggle", () => details.open && changed());
  else changed();
}

/** What a form sends for a schedule. Throws where it wants days and has none. */
export function planOf(fields: Fields, text: ScheduleStrings): object {
  const cron = cronOfFields(fields);
  if (cron === "") throw new RefusedError("", text.noDays);
  const { title = "", prompt = "", model = "", timeZone = "" } = fields;
  return {
    ...(title.trim() === "" ? {} : { title }),
    prompt,
    model,
    cron,
    timeZone,
    toSession: fields["toSession"] !== undefined,
    webhookId: fields["webhookId"] || null,
  };
}

function fieldsOf(form: HTMLFormElement): Fields {
  const entries = [...new FormData(form)].map(([name, value]) => [name, typeof value === "string" ? value : ""]);
  return Object.fromEntries(entries) as Fields; // strings all
}

export function itemOf(text: string): HTMLLIElement {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}
