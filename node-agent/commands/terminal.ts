import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** `text` in a style where standard error shows colours (a terminal, no NO_COLOR), plain otherwise. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stderr });
}

/** Everything but answers goes to standard error, so that `--ask` can be piped. */
export function say(line = ""): void {
  process.stderr.write(`${line}\n`);
}

/**
 * `text` as a terminal may show it: a model that writes control characters must not move the cursor, change colours or paste into the
 * shell. New lines and tabs stay; a pipe gets the text as it is.
 */
export function printable(text: string, isTerminal: boolean = process.stdout.isTTY): string {
  return isTerminal ? text.replaceAll(/(?![\n\t])\p{Cc}/gu, "\uFFFD") : text;
}

/** One line that says what is being done: replaced in a terminal, appended elsewhere. */
export class StatusLine {
  #shown = false;

  show(what: string): void {
    if (!process.stderr.isTTY) return;
    process.stderr.write(`\r\x1b[2K${styled("dim", `${what}…`)}`);
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) process.stderr.write("\r\x1b[2K");
    this.#shown = false;
  }
}

/** Says how far a model has come that is being made ready; nothing once it is. */
export function showLoading(status: StatusLine, model: string, fraction: number): void {
  if (fraction < 1) status.show(`Preparing ${model}: ${Math.round(fraction * 100)}%`);
  else status.clear();
}
