/** What happens in a burst is told once. */
const PAUSE_MS = 150;

/** Other tabs of this browser: each tells the others when conversations have changed. */
export class Tabs {
  private readonly channel: BroadcastChannel;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(account: string, onTold: () => void) {
    this.channel = new BroadcastChannel(`porchlight/conversations/${account}`);
    this.channel.addEventListener("message", onTold);
  }

  tell(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no other origins
      this.channel.postMessage("changed");
    }, PAUSE_MS);
  }
}
