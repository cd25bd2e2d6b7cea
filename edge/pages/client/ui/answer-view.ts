import { GrowingMarkdown, renderMarkdown } from "../logic/blocks.ts";
import { toNodes } from "./markdown.ts";

/** Rendering may take at most about this share of the time: slow machines draw less often, not later. */
const BUSY_SHARE = 0.25;

/** Draws an answer that is being written: at most once a frame, and only the blocks that changed. */
export class AnswerView {
  private readonly body: HTMLElement;
  private readonly onDrawn: () => void;
  private readonly growing = new GrowingMarkdown();
  private readonly tail = document.createElement("div");
  private text = "";
  private drawnText = "";
  private openHtml = "";
  private frame = 0;
  private notBefore = 0;

  /** `onDrawn` runs after each change of the page, to keep the scroll where it belongs. */
  constructor(body: HTMLElement, onDrawn: () => void) {
    this.body = body;
    this.onDrawn = onDrawn;
    this.tail.className = "prose-tail";
    body.replaceChildren(this.tail);
  }

  /** The whole text so far. */
  update(text: string): void {
    this.text = text;
    if (this.frame === 0) this.frame = requestAnimationFrame(this.draw);
  }

  /** The text is complete: what is on the page is then exactly one rendering of it. */
  finish(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.text !== this.drawnText) this.drawNow();
    const whole = this.growing.finish(this.openHtml);
    if (whole === undefined) this.tail.replaceWith(...this.tail.childNodes);
    else this.body.replaceChildren(toNodes(whole));
    this.onDrawn();
  }

  private readonly draw = (time: number): void => {
    if (time < this.notBefore) {
      this.frame = requestAnimationFrame(this.draw);
      return;
    }
    this.frame = 0;
    const start = performance.now();
    this.drawNow();
    this.notBefore = time + (performance.now() - start) / BUSY_SHARE;
  };

  private drawNow(): void {
    const { settled, open } = this.growing.update(this.text);
    this.drawnText = this.text;
    this.openHtml = open;
    if (settled !== "") this.tail.before(toNodes(settled));
    this.tail.replaceChildren(toNodes(open));
    this.onDrawn();
  }
}

/** A finished answer, in one go. */
export function showAnswer(body: HTMLElement, text: string): void {
  body.replaceChildren(toNodes(renderMarkdown(text)));
}
