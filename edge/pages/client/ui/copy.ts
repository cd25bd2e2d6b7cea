/** Puts text on the clipboard; false if the browser refuses. The old command serves plain-http pages, where the API is missing. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // No clipboard API here, or it was refused.
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return copied;
}

/** How long a copy button shows that it worked. */
const SHOWN_MS = 1600;

/** Copies and shows on the button itself whether it worked. */
export async function copyWithButton(button: HTMLElement, text: string): Promise<boolean> {
  const copied = await copyText(text);
  if (copied) {
    button.dataset["copied"] = "";
    setTimeout(() => delete button.dataset["copied"], SHOWN_MS);
  }
  return copied;
}
