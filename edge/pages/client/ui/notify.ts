import { cloneTemplate, part } from "./dom.ts";

const SHOWN_MS = 6000;

/** A short sentence at the edge of the screen, with an undo where there is one. It leaves by itself: then `onGone` is called, unless it was undone. */
export function toast(text: string, undo?: () => void, onGone?: () => void): void {
  const element = cloneTemplate("toast");
  part("toast-text", element).textContent = text;
  const undoButton = element.querySelector<HTMLElement>('[data-action="toast-undo"]');
  const close = (): void => {
    if (!element.isConnected) return;
    element.remove();
    onGone?.();
  };
  if (undo === undefined) undoButton?.remove();
  undoButton?.addEventListener("click", () => {
    element.remove();
    undo?.();
  });
  element.querySelector('[data-action="toast-close"]')?.addEventListener("click", close);
  part("toasts").append(element);
  setTimeout(close, SHOWN_MS);
}

/** Says something to assistive technology alone. */
export function announce(text: string): void {
  part("announcer").textContent = text;
}
