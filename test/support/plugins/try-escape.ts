import { PorchlightError } from "../../../shared/errors.ts";
import { grant, type HostPorts } from "../../../shared/plugin/host/grants.ts";
import { permissionsSchema } from "../../../shared/plugin/manifest.ts";
import type { Escape } from "./escapes.ts";

/** What a hostile plugin was granted: little, and none of it leads anywhere else. */
export const GRANTED = permissionsSchema.parse({
  net: ["example.com", "loopback.example.com"],
  secrets: ["TOKEN"],
  storageBytes: 1_000_000,
});

const REDIRECT = { status: 302, headers: { location: "https://169.254.169.254/latest/" } };

/** What came of a case. */
export interface Tried {
  escape: Escape;
  /** What the plugin returned, or the code of what ended it. */
  outcome: string;
  /** Where it got to although nobody granted that. Empty is good. */
  reached: string[];
  ms: number;
}

type Send = (request: Request) => Promise<Response>;

/** A host that writes down where requests go and what is logged. */
export class WatchedHost {
  readonly fetched: string[] = [];
  readonly logs: string[] = [];
  readonly #values = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #toLoopback: Send;

  /** `toLoopback`: how a name of the plugin's own is reached that means a private address. */
  constructor(toLoopback: Send = async () => await Promise.resolve(new Response(null, { status: 502 }))) {
    this.#toLoopback = toLoopback;
  }

  ports(): HostPorts {
    const used = (): number => [...this.#values.values()].reduce((sum, { length }) => sum + length, 0);
    return {
      guardedFetch: async (request) => {
        this.fetched.push(request.url);
        if (new URL(request.url).host === "loopback.example.com") return await this.#toLoopback(request);
        const isRedirect = new URL(request.url).pathname === "/redirect";
        return await Promise.resolve(isRedirect ? new Response(null, REDIRECT) : new Response("outside"));
      },
      storage: {
        get: async (key) => await Promise.resolve(this.#values.get(key)),
        set: async (key, value, quotaBytes) => {
          if (used() + value.length > quotaBytes) throw new RangeError("The plugin has used up its storage.");
          this.#values.set(key, value);
          await Promise.resolve();
        },
        delete: async (key) => await Promise.resolve(void this.#values.delete(key)),
        list: async (prefix) => await Promise.resolve([...this.#values.keys()].filter((key) => key.startsWith(prefix))),
      },
      secret: async (name) => await Promise.resolve(name === "TOKEN" ? "the token" : undefined),
      onLog: (line) => this.logs.push(line),
    };
  }

  /** What should not have happened. */
  findings(value: unknown): string[] {
    const elsewhere = this.fetched.filter((url) => !/^(?:loopback\.)?example\.com$/.test(new URL(url).host));
    return [
      ...(value === "escaped" ? ["it says so"] : []),
      ...elsewhere.map((url) => `it reached ${url}`),
      ...(this.logs.length > 100 ? [`${this.logs.length} lines were logged`] : []),
      ...(this.logs.includes("late") ? ["it logged after its end"] : []),
      ...(this.fetched.some((url) => url.endsWith("/late")) ? ["it fetched after its end"] : []),
      ...(this.fetched.length > 50 ? [`${this.fetched.length} requests were made`] : []),
    ];
  }
}

/** Tries one case: `call` makes the call with what is granted. */
export async function tryEscape(
  escape: Escape,
  call: (granted: ReturnType<typeof grant>) => Promise<unknown>,
  host = new WatchedHost(),
): Promise<Tried> {
  const startedAt = performance.now();
  const result = await call(grant(GRANTED, host.ports()))
    .then((value) => ({ value, outcome: `returned ${JSON.stringify(value ?? null).slice(0, 40)}` }))
    .catch((error: unknown) => ({ value: undefined, outcome: PorchlightError.from(error).code as string }));
  const ms = performance.now() - startedAt;
  // Whatever it left behind has its chance.
  if (escape.name.endsWith("after the end")) await new Promise((resolve) => setTimeout(resolve, 300));
  return { escape, outcome: result.outcome, reached: host.findings(result.value), ms };
}

/** Before all cases: keeps the shim's maker of grants, which holds its way to the host. */
const LISTENS = `const map = Array.prototype.map; Array.prototype.map = function (each, ...more) {
  if (this.length > 0 && this.every((one) => one === "fetch" || one === "storage" || one === "secret")) globalThis.kept = each;
  return map.call(this, each, ...more);
};`;

/** The module of a plugin that has each case as a tool. `canary`: the port of a server on loopback. */
export function escapesModule(escapes: readonly Escape[], canary: number): string {
  const tools = escapes.map(
    ({ body }, at) =>
      `case_${at}: { description: "Tries.", input: { type: "object" }, async execute(context) { const canary = ${canary}; ${body} } }`,
  );
  return `${LISTENS} export default { tools: { ${tools.join(",\n")} } };`;
}
