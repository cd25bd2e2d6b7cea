import type { Trace } from "../../../home/sessions/context/trace.ts";
import { format } from "../../i18n/format.ts";
import type { ClientStrings } from "../../i18n/index.ts";
import { onAction, part, partOf } from "./dom.ts";

/** What was sent to the model for an answer, in words. Turns are counted from 1 for people. */
export class TraceDialog {
  private readonly dialog = partOf(HTMLDialogElement, "trace");
  private readonly strings: ClientStrings;

  constructor(strings: ClientStrings) {
    this.strings = strings;
    onAction(this.dialog, "close-dialog", () => this.dialog.close());
  }

  show(trace: Trace | undefined): void {
    const items = trace === undefined ? [[this.strings.traceNone, ""] as const] : this.items(trace);
    part("trace-items", this.dialog).replaceChildren(...items.flatMap(([name, text]) => [term(name), detail(text)]));
    this.dialog.showModal();
  }

  private items(trace: Trace) {
    const { window, summary, retrieval, instructions, facts, estimatedTokens, contextLength } = trace;
    const { strings } = this;
    const said = { from: window.from + 1, to: window.to };
    const turns = window.to > window.from ? format(strings.traceTurnsText, said) : strings.traceTurnsNone;
    const left = window.withoutRoom === 0 ? "" : `\n${format(strings.traceNoRoom, { n: window.withoutRoom })}`;
    const items: (readonly [string, string])[] = [[strings.traceTurns, turns + left]];
    for (const { index, text } of retrieval.pieces) items.push([format(strings.tracePiece, { n: index + 1 }), text]);
    if (summary !== null) items.push([format(strings.traceSummary, { n: summary.upTo }), summary.text]);
    if (instructions !== "") items.push([strings.traceInstructions, instructions]);
    if (facts !== "") items.push([strings.traceFacts, facts]);
    items.push(...this.asides(trace));
    items.push([strings.traceSize, format(strings.traceSizeText, { tokens: estimatedTokens, context: contextLength })]);
    return items;
  }

  /** What plugins added: passages by their numbers, or how much of a text. */
  private asides({ asides = [] }: Trace): (readonly [string, string])[] {
    const { strings } = this;
    return asides.flatMap(({ plugin, sources = [], characters, error }): (readonly [string, string])[] => {
      const name = format(strings.traceAside, { plugin });
      if (error !== undefined) return [[name, format(strings.traceAsideFailed, { why: error.message })]];
      if (sources.length === 0) return [[name, format(strings.traceAsideText, { n: characters })]];
      return sources.map(({ number, title, url = "" }) => [
        format(strings.traceSource, { n: number, plugin }),
        [title, url].filter((one) => one !== "").join("\n"),
      ]);
    });
  }
}

function term(name: string): HTMLElement {
  const element = document.createElement("dt");
  element.textContent = name;
  return element;
}

function detail(text: string): HTMLElement {
  const element = document.createElement("dd");
  element.textContent = text;
  return element;
}
