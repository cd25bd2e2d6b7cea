import { formatBytes } from "./models-units.ts";
import { styled } from "./terminal.ts";

const REDRAW_MS = 150;
/** Where nobody watches, a line now and then shows that it lives. */
const LINE_MS = 30_000;
const BAR_WIDTH = 24;
/** The speed shown is that of about the last few seconds. */
const SPEED_SPAN_MS = 3_000;

/** How far a download has come: a bar in a terminal, a line every half minute elsewhere. */
export class DownloadProgress {
  readonly #out: { isTTY?: boolean; write(text: string): unknown };
  readonly #now: () => number;
  #total = 0;
  #received = 0;
  #bytesPerMs = 0;
  #sampledAt: number;
  #sampled = 0;
  #shownAt: number;

  constructor(
    out: { isTTY?: boolean; write(text: string): unknown } = process.stderr,
    now: () => number = () => performance.now(),
  ) {
    this.#out = out;
    this.#now = now;
    this.#sampledAt = this.#shownAt = now();
  }

  start(totalBytes: number): void {
    this.#total = totalBytes;
  }

  /** @param kept they were here from an earlier run and say nothing about the speed. */
  add(bytes: number, kept: boolean): void {
    this.#received += bytes;
    if (!kept) this.#sampled += Math.max(0, bytes);
    const now = this.#now();
    if (now - this.#shownAt < (this.#out.isTTY ? REDRAW_MS : LINE_MS)) return;
    this.#sample(now);
    this.#shownAt = now;
    this.#out.write(this.#out.isTTY ? `\r\x1b[2K${this.#line()}` : `${this.#line()}\n`);
  }

  /** Takes the bar away, so that something else can be said. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write("\r\x1b[2K");
  }

  #sample(now: number): void {
    const elapsedMs = now - this.#sampledAt;
    const weight = this.#bytesPerMs === 0 ? 1 : 1 - Math.exp(-elapsedMs / SPEED_SPAN_MS);
    this.#bytesPerMs += weight * (this.#sampled / elapsedMs - this.#bytesPerMs);
    this.#sampledAt = now;
    this.#sampled = 0;
  }

  #line(): string {
    const fraction = this.#total === 0 ? 1 : Math.min(1, this.#received / this.#total);
    const amount = `${formatBytes(this.#received)} of ${formatBytes(this.#total)}`;
    const speed = `${formatBytes(this.#bytesPerMs * 1000)}/s`;
    const left =
      this.#bytesPerMs > 0 ? `, ${formatDuration((this.#total - this.#received) / this.#bytesPerMs)} left` : "";
    const percent = `${Math.floor(fraction * 100)}%`;
    if (!this.#out.isTTY) return `${percent}: ${amount}, ${speed}${left}`;
    const filled = Math.round(fraction * BAR_WIDTH);
    const bar = styled("cyan", "█".repeat(filled)) + styled("dim", "░".repeat(BAR_WIDTH - filled));
    return `${bar} ${percent.padStart(4)}  ${amount}  ${speed}${left}`;
  }
}

function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
