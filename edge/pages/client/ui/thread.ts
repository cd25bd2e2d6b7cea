import { format } from "../../i18n/format.ts";
import type { ClientStrings } from "../../i18n/index.ts";
import type { ChatMessage, Conversation } from "../logic/conversation.ts";
import { AnswerView, showAnswer } from "./answer-view.ts";
import { CallList } from "./call-list.ts";
import { cloneTemplate, part, partOf } from "./dom.ts";
import { errorSentence } from "./sentences.ts";

type Row = {
  message: ChatMessage;
  state: ChatMessage["state"];
  element: HTMLElement;
  view: AnswerView | undefined;
  calls: CallList | undefined;
};

/** The messages of one conversation on the page. It changes only the rows whose message changed. */
export class Thread {
  private readonly container: HTMLElement;
  private readonly strings: ClientStrings;
  private readonly onDrawn: () => void;
  private rows: Row[] = [];

  constructor(container: HTMLElement, strings: ClientStrings, onDrawn: () => void) {
    this.container = container;
    this.strings = strings;
    this.onDrawn = onDrawn;
  }

  /** Shows the conversation. `unseen`: how many of its first messages the model is not given; a line marks the place. */
  show(conversation: Conversation, unseen: number): void {
    const { messages } = conversation;
    const kept = this.rows.findIndex((row, index) => row.message !== messages[index]);
    for (const row of this.rows.splice(kept === -1 ? messages.length : kept)) row.element.remove();
    messages.forEach((message, index) => {
      const row = this.rows[index];
      if (row === undefined) this.append(message);
      else if (row.state !== message.state) this.settle(row);
    });
    this.mark(unseen);
    this.onDrawn();
  }

  /** The message has more text. */
  grow(message: ChatMessage): void {
    const row = this.rows.find((candidate) => candidate.message === message);
    if (row === undefined) return;
    if (message.content !== "") row.element.dataset["filled"] = "";
    row.view?.update(message.content);
    this.showThoughts(row);
    this.showCalls(row);
  }

  /** Brings the question of a turn into view. */
  showTurn(turn: number): void {
    const row = this.rows.find(({ message }) => message.turn === turn);
    row?.element.scrollIntoView({ block: "center" });
    row?.element.setAttribute("data-found", "");
  }

  /** The message an element belongs to. */
  messageAt(element: HTMLElement): ChatMessage | undefined {
    return this.rows.find((row) => row.element.contains(element))?.message;
  }

  private append(message: ChatMessage): void {
    const element = cloneTemplate(message.role);
    const body = part("body", element);
    const row: Row = { message, state: message.state, element, view: undefined, calls: undefined };
    if (message.role === "user") body.textContent = message.content;
    else if (message.state === "streaming") row.view = new AnswerView(body, this.onDrawn);
    else showAnswer(body, message.content);
    row.view?.update(message.content);
    this.rows.push(row);
    this.container.append(element);
    this.settle(row);
  }

  /** Brings what stands around the text in line with the message's state. */
  private settle(row: Row): void {
    const { message, element } = row;
    row.state = message.state;
    element.dataset["state"] = message.state;
    if (message.content !== "") element.dataset["filled"] = "";
    if (message.role === "user") return;
    this.showThoughts(row);
    this.showCalls(row);
    if (message.state === "streaming") return;
    if (message.content !== "") row.view?.finish();
    row.view = undefined;
    part("foot", element).hidden = message.state === "failed";
    if (message.turn !== undefined) element.dataset["turn"] = String(message.turn);
    part("note", element).textContent = this.note(message);
    part("error", element).hidden = message.error === undefined;
    part("error-text", element).textContent =
      message.error === undefined ? "" : errorSentence(message.error, this.strings);
  }

  /** Open while there is nothing else to read. */
  private showThoughts({ message, element }: Row): void {
    const thoughts = partOf(HTMLDetailsElement, "thoughts", element);
    if (message.reasoning === "") return;
    if (thoughts.hidden) thoughts.open = message.content === "" && message.state === "streaming";
    else if (message.content !== "" && thoughts.dataset["ended"] === undefined) {
      thoughts.open = false;
      thoughts.dataset["ended"] = "";
    }
    thoughts.hidden = false;
    part("thoughts-text", thoughts).textContent = message.reasoning;
    this.onDrawn();
  }

  private showCalls(row: Row): void {
    const { calls = [] } = row.message;
    if (calls.length === 0) return;
    row.calls ??= new CallList(part("calls", row.element), this.strings);
    row.calls.show(calls);
    this.onDrawn();
  }

  private note(message: ChatMessage): string {
    const { strings } = this;
    if (message.state === "stopped") return strings.stopped;
    if (message.content === "") return strings.emptyAnswer;
    if (message.finish === "length") return strings.cutByLength;
    const { tokens, seconds } = message;
    if (tokens === undefined) return "";
    // Under a tenth of a second, or for a word or two, a speed says nothing.
    if (seconds === undefined || seconds < 0.1 || tokens < 8) return format(strings.statsShort, { tokens });
    return format(strings.stats, { tokens, speed: Math.round(tokens / seconds) });
  }

  private mark(unseen: number): void {
    this.container.querySelector(".window-mark")?.remove();
    if (unseen > 0) this.rows[unseen]?.element.before(cloneTemplate("window-mark"));
  }
}
