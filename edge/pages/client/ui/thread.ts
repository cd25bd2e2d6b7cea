import { format } from "../../i18n/format.ts";
import type { ClientStrings } from "../../i18n/index.ts";
import type { Conversation, StoredMessage } from "../logic/conversation.ts";
import { AnswerView, showAnswer } from "./answer-view.ts";
import { cloneTemplate, part } from "./dom.ts";
import { errorSentence } from "./sentences.ts";

type Row = {
  message: StoredMessage;
  state: StoredMessage["state"];
  element: HTMLElement;
  view: AnswerView | undefined;
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
  grow(message: StoredMessage): void {
    const row = this.rows.find((candidate) => candidate.message === message);
    if (row === undefined) return;
    row.element.dataset["filled"] = "";
    row.view?.update(message.content);
  }

  /** The message an element belongs to. */
  messageAt(element: HTMLElement): StoredMessage | undefined {
    return this.rows.find((row) => row.element.contains(element))?.message;
  }

  private append(message: StoredMessage): void {
    const element = cloneTemplate(message.role);
    const body = part("body", element);
    const row: Row = { message, state: message.state, element, view: undefined };
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
    if (message.role === "user" || message.state === "streaming") return;
    if (message.content !== "") row.view?.finish();
    row.view = undefined;
    part("foot", element).hidden = message.state === "failed";
    part("note", element).textContent = this.note(message);
    part("error", element).hidden = message.error === undefined;
    part("error-text", element).textContent =
      message.error === undefined ? "" : errorSentence(message.error, this.strings);
  }

  private note(message: StoredMessage): string {
    const { strings } = this;
    if (message.state === "stopped") return strings.stopped;
    if (message.state === "interrupted") return strings.interrupted;
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
