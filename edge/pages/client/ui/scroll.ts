/** Within this of the end, the reader counts as being at the end. */
const NEAR_PX = 48;

/** Keeps a growing thread at its end while the reader is there, and offers the way back when not. */
export class StickyScroll {
  private readonly scroller: HTMLElement;
  private readonly jump: HTMLElement;
  private stuck = true;
  private lastTopPx = 0;

  constructor(scroller: HTMLElement, jump: HTMLElement) {
    this.scroller = scroller;
    this.jump = jump;
    scroller.addEventListener("scroll", () => this.settle(), { passive: true });
    new ResizeObserver(() => this.follow()).observe(scroller);
  }

  /** Call after the content has changed. */
  follow(): void {
    if (this.stuck) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.settle();
  }

  /** To the end, and stay there. */
  toEnd(): void {
    this.stuck = true;
    this.follow();
  }

  /** A reader who scrolls up even a little lets go; one who comes back near the end is held again. */
  private settle(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const fromEndPx = scrollHeight - scrollTop - clientHeight;
    const upwards = scrollTop < this.lastTopPx;
    this.lastTopPx = scrollTop;
    this.stuck = fromEndPx < (upwards ? 2 : NEAR_PX);
    this.jump.hidden = fromEndPx < NEAR_PX;
  }
}
