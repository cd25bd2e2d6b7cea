import { browserSupportsWebAuthn, browserSupportsWebAuthnAutofill } from "@simplewebauthn/browser";
import type { AccessPageData } from "../access/page-data.ts";
import { FLOWS, offerPasskeys } from "./access/flows.ts";
import { RefusedError, send, sentenceOf } from "./access/request.ts";
import { watchJobs } from "./jobs/live.ts";
import { watchSchedules } from "./schedules/live.ts";
import { watchAgents } from "./machines/live.ts";
import { onAction, part, partOf } from "./ui/dom.ts";
import { toast } from "./ui/notify.ts";
import { startShell } from "./ui/shell.ts";
import { setTheme } from "./ui/theme.ts";

// The server of the same build wrote this JSON, typed by AccessPageData.
const { strings, fileName } = JSON.parse(document.querySelector("#page-data")?.textContent ?? "") as AccessPageData;

/** Runs what a form is for, with its button off meanwhile, and says in the form what went wrong. */
async function submit(form: HTMLFormElement): Promise<void> {
  const { request, flow, ask, then, body } = form.dataset;
  if (ask !== undefined && !(await asked(ask))) return;
  const fields = Object.fromEntries(
    [...new FormData(form)].map(([name, value]) => [name, typeof value === "string" ? value : ""]),
  );
  const buttons = form.querySelectorAll<HTMLButtonElement>("button[type=submit]");
  const error = form.querySelector<HTMLElement>('[data-part="form-error"]');
  if (error) error.hidden = true;
  for (const button of buttons) button.disabled = true;
  try {
    const run = flow === undefined ? undefined : FLOWS[flow];
    if (run) go(await run(fields, fileName));
    else {
      const fixed = body === undefined ? {} : (JSON.parse(body) as object); // as ActionButton wrote it
      await send(request ?? "", { ...fields, ...fixed });
      go(then ?? location.href);
    }
  } catch (thrown) {
    if (!error) throw thrown;
    error.textContent = sentenceOf(thrown, strings);
    error.hidden = false;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** A set-up link carries the token behind the #, where no server sees it; then it leaves the address, and with it the history. */
function takeSetupToken(): void {
  const field = document.querySelector<HTMLInputElement>('form[data-flow="set-up"] #token');
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!field || token === null) return;
  field.value = token;
  history.replaceState(null, "", location.pathname + location.search);
}

function go(next: string | undefined): void {
  if (next === undefined) return;
  if (next === location.href) location.reload();
  else location.assign(next);
}

/** Asks before something that cannot be undone. */
async function asked(question: string): Promise<boolean> {
  const dialog = partOf(HTMLDialogElement, "ask");
  part("ask-text").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "yes";
}

startShell(() => toast(strings.copyFailed));
takeSetupToken();
onAction(document, "set-theme", (button) => {
  const theme = button instanceof HTMLButtonElement ? button.value : "";
  setTheme(theme === "light" || theme === "dark" ? theme : undefined);
  for (const other of document.querySelectorAll('[data-action="set-theme"]')) {
    other.setAttribute("aria-pressed", String(other === button));
  }
});
onAction(document, "hide-details", (button) => {
  const details = button.closest("details");
  if (!details) return;
  details.open = false;
  details.querySelector("summary")?.focus();
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || (form.dataset["request"] ?? form.dataset["flow"]) === undefined) return;
  event.preventDefault();
  void submit(form);
});
for (const time of document.querySelectorAll("time")) {
  const date = new Date(time.dateTime);
  time.textContent = date.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}

if (document.querySelector('[data-part="agents"]')) watchAgents();
if (document.querySelector('[data-part="jobs"]')) watchJobs();
if (document.querySelector('[data-part="schedules"]')) watchSchedules();

const signIn = document.querySelector<HTMLFormElement>('[data-flow="sign-in"]');
if (signIn && !browserSupportsWebAuthn()) toast(strings.unsupported);
if (signIn && (await browserSupportsWebAuthnAutofill())) {
  offerPasskeys().then(
    () => go(location.pathname === "/sign-in" ? "/" : location.href),
    (error: unknown) => {
      // The button's own prompt ends this one, and so does closing it; only what the edge refused is worth telling.
      if (error instanceof RefusedError) toast(sentenceOf(error, strings));
    },
  );
}
