/** How long what is stopped lets answers go on that are under way. */
export const GRACE_MS = 10_000;

/** Aborts at the next signal of that kind: somebody who asks twice does not want to wait. */
export function impatience(): AbortSignal {
  const hurry = new AbortController();
  void interruption().then(() => hurry.abort());
  return hurry.signal;
}

/** Resolves at Ctrl-C, a polite kill, or the end of the terminal. */
export function interruption(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
  });
}
