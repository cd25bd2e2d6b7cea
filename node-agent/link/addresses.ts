/** Where an edge takes tunnels. */
export function tunnelUrlOf(origin: string): string {
  const url = new URL("/tunnel", origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Whether a URL's `hostname` never leaves this machine, so that plain http and ws are safe. */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}
