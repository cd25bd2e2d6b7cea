import { copyWithButton } from "./copy.ts";
import { onAction } from "./dom.ts";
import { flipTheme } from "./theme.ts";

/** What works on every page: the theme switch, the copy button of any code block, the navigation that shows where one is. */
export function startShell(onCopyRefused: () => void): void {
  onAction(document, "flip-theme", flipTheme);
  onAction(document, "copy-code", (button) => {
    const code = button.closest('[data-part="code-block"]')?.querySelector("code");
    void copy(button, code?.textContent ?? "");
  });
  showPlace();
  document.documentElement.dataset["script"] = "on";

  async function copy(button: HTMLElement, text: string): Promise<void> {
    if (!(await copyWithButton(button, text))) onCopyRefused();
  }
}

/** On a phone the navigation is wider than the screen: it is scrolled, by itself alone, to where one is. */
function showPlace(): void {
  const nav = document.querySelector(".topbar-nav");
  const place = nav?.querySelector("[aria-current]");
  if (!nav || !place) return;
  const [around, own] = [nav.getBoundingClientRect(), place.getBoundingClientRect()];
  nav.scrollLeft += own.left + own.width / 2 - (around.left + around.width / 2);
}
