import { currentWorld } from "../kernel/globals.ts";
import type { Kernel, Process } from "../kernel/kernel.ts";

/** A request that leaves the edge. */
export interface Outbound {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** What the internet does with it; called in the sender's process. `answer` with a status, or with none where the connection breaks. */
export type Internet = (request: Outbound, answer: (status: number | undefined) => void) => void;

let internet: Internet | undefined;

/** Where requests lead that the product sends. */
export function connectFetchTo(network: Internet | undefined): void {
  internet = network;
}

interface Init {
  headers: Record<string, string>;
  body: string;
  signal: AbortSignal;
}

/** `fetch`, as far as the edge uses it: what is lost on the way rejects, and so does a signal that aborts. */
export function virtualFetch(url: string, { headers, body, signal }: Init): Promise<Response> {
  const world: Kernel = currentWorld();
  const sender: Process = world.current;
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    internet?.({ url, headers, body }, (status) => {
      world.plan(sender, 0, () => {
        if (status === undefined) reject(new TypeError("Network connection lost."));
        else resolve(new Response(null, { status }));
      });
    });
  });
}
