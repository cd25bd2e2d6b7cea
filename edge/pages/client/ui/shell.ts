import { copyWithButton } from "./copy.ts";
import { onAction } from "./dom.ts";
import { flipTheme } from "./theme.ts";

/** What works on every page: the theme switch, and the copy button of any code block. */
export function startShell(onCopyRefused: () => void): void {
  onAction(document, "flip-theme", flipTheme);
  onAction(document, "copy-code", (button) => {
    const code = button.closest('[data-part="code-block"]')?.querySelector("code");
    void copy(button, code?.textContent ?? "");
  });
  document.documentElement.dataset["script"] = "on";

  async function copy(button: HTMLElement, text: string): Promise<void> {
    if (!(await copyWithButton(button, text))) onCopyRefused();
  }
}
