import { IMPORT_PROBLEMS, type ImportProblem } from "../../../../shared/sessions/import/problem.ts";
import { format } from "../../i18n/format.ts";
import type { ImportPageData } from "../../import/page-data.ts";
import { cloneTemplate, part } from "../ui/dom.ts";

/** Rows that are shown: a page with more of them is no use to anybody. */
const MOST_ROWS = 1_000;

/** The list of what was not as it should be in a file. */
export class ProblemList {
  readonly #strings: ImportPageData["strings"];
  readonly #number: Intl.NumberFormat;
  readonly #list = part("import-problem-list");
  #count = 0;

  /** Empties the list. */
  constructor(strings: ImportPageData["strings"], locale: string) {
    this.#strings = strings;
    this.#number = new Intl.NumberFormat(locale);
    this.#list.replaceChildren();
    part("import-problems").hidden = true;
    part("import-more").hidden = true;
  }

  add(problem: ImportProblem): void {
    this.#count += 1;
    part("import-problems").hidden = false;
    if (this.#count <= MOST_ROWS) this.#list.append(this.#row(problem));
  }

  /** Says how many there are beyond those shown. */
  end(): void {
    const more = part("import-more");
    more.hidden = this.#count <= MOST_ROWS;
    more.textContent = format(this.#strings.more, { n: this.#number.format(this.#count - MOST_ROWS) });
  }

  #row({ code, file, entry, label, count, detail }: ImportProblem): HTMLElement {
    const strings = this.#strings;
    const place = [
      file,
      entry === undefined ? undefined : format(strings.entry, { n: this.#number.format(entry) }),
      label,
    ].filter((text) => text !== undefined && text !== "");
    const times = count === undefined ? "" : ` (${format(strings.times, { n: count })})`;
    // The edge's own reason is worth more than that there is one.
    const text = code === "refused" && detail !== undefined ? detail : strings.problemTexts[code];
    const row = cloneTemplate("import-problem");
    part("problem-place", row).textContent = place.join(" · ");
    part("problem-kind", row).textContent = IMPORT_PROBLEMS[code].skipped ? strings.leftOut : strings.changed;
    part("problem-text", row).textContent = text + times;
    return row;
  }
}
