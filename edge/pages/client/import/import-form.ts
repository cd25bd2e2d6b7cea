import type { ImportAnswer, ImportBatch } from "../../../../shared/sessions/import/batch.ts";
import { BatchRefusedError, type ImportCount, importFile } from "../../../../shared/sessions/import/import-file.ts";
import { format } from "../../i18n/format.ts";
import type { ImportPageData } from "../../import/page-data.ts";
import { part, partOf } from "../ui/dom.ts";
import { ProblemList } from "./problem-list.ts";

const PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000];

/** What ends an import before the file does, in the reader's words. */
class EndedError extends Error {
  override readonly name = "EndedError";
}

/** Makes the form of the import work. */
export function startImport(): void {
  // The server of the same build wrote it.
  const data = JSON.parse(document.querySelector("#import-data")?.textContent ?? "") as ImportPageData;
  const form = partOf(HTMLFormElement, "import-form");
  const stop = partOf(HTMLButtonElement, "import-stop");
  let running: AbortController | undefined;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = form.querySelector<HTMLInputElement>("input[type=file]")?.files?.[0];
    if (file === undefined || running !== undefined) return;
    running = new AbortController();
    void run(file, data, running.signal).finally(() => (running = undefined));
  });
  stop.addEventListener("click", () => running?.abort());
  globalThis.addEventListener("beforeunload", (event) => {
    if (running !== undefined) event.preventDefault();
  });
}

async function run(file: File, { strings, locale }: ImportPageData, signal: AbortSignal): Promise<void> {
  const problems = new ProblemList(strings, locale);
  const last: ImportCount = { added: 0, known: 0, skipped: 0, bytes: 0 };
  show(true);
  const say = (template: string, more: Record<string, string> = {}): string =>
    format(template, { ...numbers(last, locale), ...more });
  const bar = partOf(HTMLProgressElement, "import-bar");
  // How much JSON is in a zip is known in the end.
  if (/\.zip$/i.test(file.name)) bar.removeAttribute("value");
  else [bar.max, bar.value] = [file.size, 0];
  let result: string;
  try {
    await importFile(file, {
      send: async (batch) => await send(batch, strings, signal),
      onProblem: (problem) => problems.add(problem),
      onProgress: (count) => {
        Object.assign(last, count);
        if (bar.hasAttribute("value")) bar.value = count.bytes;
        part("import-count").textContent = say(strings.reading);
      },
    });
    result = say(strings.done);
  } catch (error) {
    if (signal.aborted) result = say(strings.stopped);
    else if (error instanceof EndedError) result = say(strings.failed, { reason: error.message });
    else if (error instanceof DOMException) result = strings.unreadable;
    else throw error;
  } finally {
    show(false);
    problems.end();
  }
  part("import-result").textContent = result;
  part("import-next").hidden = last.added + last.known === 0;
  part("import-done").hidden = false;
}

function show(isRunning: boolean): void {
  part("import-start").toggleAttribute("disabled", isRunning);
  part("import-stop").hidden = !isRunning;
  part("import-progress").hidden = !isRunning;
  if (!isRunning) return;
  part("import-done").hidden = true;
  part("import-count").textContent = "";
}

function numbers({ added, known, skipped, bytes }: ImportCount, locale: string): Record<string, string> {
  const number = new Intl.NumberFormat(locale);
  const mb = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(bytes / 1e6);
  return { added: number.format(added), known: number.format(known), skipped: number.format(skipped), mb };
}

async function send(
  batch: ImportBatch,
  strings: ImportPageData["strings"],
  signal: AbortSignal,
): Promise<ImportAnswer> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(batch), signal };
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    const response = await fetch("/api/sessions/import", init).catch((error: unknown) => {
      if (signal.aborted) throw error;
      return undefined; // no network: the next attempt may find one
    });
    if (response?.ok === true) return (await response.json()) as ImportAnswer; // our own route
    const pauseMs = PAUSES_MS[attempt];
    const mayPass = response === undefined || response.status === 429 || response.status >= 500;
    if (response === undefined && pauseMs === undefined) throw new EndedError(strings.network);
    if (response !== undefined && (!mayPass || pauseMs === undefined)) {
      const reason = await reasonOf(response, strings);
      throw response.status === 400 || response.status === 413 ? new BatchRefusedError(reason) : new EndedError(reason);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function reasonOf(response: Response, strings: ImportPageData["strings"]): Promise<string> {
  const { error } = (await response.json()) as { error: { code: string; message: string } }; // the one shape of errors
  const translations: Readonly<Record<string, string | undefined>> = strings.errors ?? {};
  return translations[error.code] ?? error.message;
}
