import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { LinkState } from "../../node-agent/link/link.ts";

export interface TlsAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
}

/** One request over TLS to who shows a certificate of `ca`. */
export async function tlsFetch(
  url: string,
  options: { ca: string; method?: string; headers?: Record<string, string>; body?: object },
): Promise<TlsAnswer> {
  const { ca, headers = {}, body, method = body ? "POST" : "GET" } = options;
  const type = body ? { "content-type": "application/json" } : {};
  const outgoing = request(url, { ca, method, headers: { ...type, ...headers }, agent: false });
  outgoing.end(body && JSON.stringify(body));
  const [response] = (await once(outgoing, "response")) as [IncomingMessage]; // as Node emits it
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** A machine without a model (words-agent.ts) that trusts the certificates in a file; the states of its link as they come. */
export class WordsAgent {
  readonly states: string[] = [];
  readonly reasons: string[] = [];
  readonly #child: ChildProcess;

  constructor(options: { identityFile: string; enrolUrl?: string }, caFile: string) {
    const entry = fileURLToPath(new URL("words-agent.ts", import.meta.url));
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: caFile };
    this.#child = fork(entry, [JSON.stringify(options)], { env });
    this.#child.on("message", ({ state, reason }: LinkState) => {
      this.states.push(state);
      this.reasons.push(reason);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}

/** Numbers of the processes that one has started. */
export async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("pgrep", ["-P", String(pid)]).catch(() => ({ stdout: "" })); // none
  return stdout.split("\n").filter(Boolean).map(Number);
}

/** The workerd of a `porchlight edge`; undefined while it has none. */
export async function workerdOf(command: ChildProcess): Promise<number | undefined> {
  for (const child of command.pid === undefined ? [] : await childrenOf(command.pid)) {
    const [workerd] = await childrenOf(child);
    if (workerd !== undefined) return workerd;
  }
  return undefined;
}
