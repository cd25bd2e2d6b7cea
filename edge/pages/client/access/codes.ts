import { copyWithButton } from "../ui/copy.ts";
import { onAction, part } from "../ui/dom.ts";

/** Shows recovery codes the one time they can be shown. Resolves when the reader says that they are kept. */
export async function showCodes(codes: readonly string[], fileName: string): Promise<void> {
  const panel = part("codes");
  part("codes-list").replaceChildren(
    ...codes.map((code) => {
      const item = document.createElement("li");
      item.append(Object.assign(document.createElement("code"), { textContent: code }));
      return item;
    }),
  );
  panel.hidden = false;
  part("codes-heading").focus();
  const text = `${codes.join("\n")}\n`;
  onAction(panel, "copy-codes", (button) => void copyWithButton(button, text));
  onAction(panel, "save-codes", () => save(text, fileName));
  await new Promise<void>((resolve) => onAction(panel, "codes-done", () => resolve()));
}

function save(text: string, fileName: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: fileName });
  link.click();
  // The download has begun by the next task; the codes need not stay in memory.
  setTimeout(() => URL.revokeObjectURL(url));
}
