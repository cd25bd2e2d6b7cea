import { type HomeState, readHome } from "../logic/home.ts";

/** How often a visible page asks whether the home is online. */
const POLL_MS = 10_000;

/** Keeps the page informed about the home: at once, every ten seconds while the page is looked at, and when asked to. */
export class HomeWatch {
  private readonly onState: (state: HomeState) => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private reading: Promise<HomeState> | undefined;

  constructor(onState: (state: HomeState) => void) {
    this.onState = onState;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.check();
    });
    addEventListener("online", () => void this.check());
    addEventListener("offline", () => void this.check());
  }

  /** Asks now; calls meanwhile share the answer. */
  check(): Promise<HomeState> {
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async read(): Promise<HomeState> {
    clearTimeout(this.timer);
    const state = await readHome();
    this.onState(state);
    this.timer = setTimeout(() => {
      if (!document.hidden) void this.check();
    }, POLL_MS);
    return state;
  }
}
