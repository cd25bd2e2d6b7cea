import { part, partOf } from "./dom.ts";

/** Beyond this share of the window the text scrolls inside its box. */
const MAX_HEIGHT_SHARE = 0.4;

type ComposerEvents = { submit: (text: string) => void; draftChanged: (text: string) => void };

/** The text box: Enter sends, Shift+Enter breaks the line, and an input method's Enter does neither. */
export class Composer {
  private readonly prompt = partOf(HTMLTextAreaElement, "prompt");
  private readonly send = partOf(HTMLButtonElement, "send");
  private readonly stop = partOf(HTMLButtonElement, "stop");
  private readonly events: ComposerEvents;

  constructor(events: ComposerEvents) {
    this.events = events;
    part("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.prompt.addEventListener("keydown", (event) => {
      // keyCode 229: some browsers report the Enter that ends a composition after isComposing is false again.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.submit();
    });
    this.prompt.addEventListener("input", () => this.changed());
  }

  setText(text: string): void {
    this.prompt.value = text;
    this.changed();
  }

  focus(): void {
    this.prompt.focus({ preventScroll: true });
  }

  /** While an answer runs the button stops it instead of sending. Focus stays where the reader has it. */
  setRunning(running: boolean): void {
    const hadFocus = document.activeElement === this.stop || document.activeElement === this.send;
    this.send.hidden = running;
    this.stop.hidden = !running;
    if (hadFocus) this.focus();
  }

  private submit(): void {
    const text = this.prompt.value.trim();
    if (text !== "" && !this.send.hidden) this.events.submit(text);
  }

  private changed(): void {
    this.send.disabled = this.prompt.value.trim() === "";
    this.prompt.style.height = "auto";
    const limitPx = window.innerHeight * MAX_HEIGHT_SHARE;
    this.prompt.style.height = `${Math.min(this.prompt.scrollHeight, limitPx)}px`;
    this.events.draftChanged(this.prompt.value);
  }
}
