import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { guardedFetch, type Resolve } from "../../../node-agent/edge/guarded-fetch.ts";
import { PluginSandbox } from "../../../node-agent/plugins/sandbox.ts";
import { MOST_TOOLS } from "../../../shared/plugin/limits.ts";
import { makePackage } from "../market.ts";
import { ESCAPES } from "./escapes.ts";
import { escapesModule, GRANTED, type Tried, tryEscape, WatchedHost } from "./try-escape.ts";

const WALL_TIME_MS = 3_000;
const CALLER = { locale: "en", timeZone: "UTC" } as const;

const loopback: Resolve = async () => await Promise.resolve([{ address: "127.0.0.1", family: 4 }]);

export interface EscapesReport {
  tried: Tried[];
  /** Calls of another plugin in the same sandbox, made all the while. */
  beside: { calls: number; failed: number; slowestMs: number };
  /** What got out, or kept others from being answered: one line each. */
  findings: string[];
}

/** Tries every escape in the real sandbox at home, one call after the other, while another plugin in it goes on being called. */
export async function tryEscapesAtHome(): Promise<EscapesReport> {
  let knocks = 0;
  const canary = createServer((_request, response) => response.end("canary")).listen(0, "127.0.0.1");
  canary.on("connection", () => (knocks += 1));
  await once(canary, "listening");
  const { port } = canary.address() as AddressInfo; // a TCP server's address is never a string
  const sandbox = new PluginSandbox({ processes: 2 });
  const other = await callAllTheWhile(sandbox);
  const tried: Tried[] = [];
  for (let from = 0; from < ESCAPES.length; from += MOST_TOOLS) tried.push(...(await tryPart(sandbox, from, port)));
  const beside = await other.end();
  await sandbox.stop();
  canary.close();
  const findings = tried.flatMap(({ escape, reached }) =>
    reached.map((one) => `${escape.group}, ${escape.name}: ${one}`),
  );
  if (knocks > 0) findings.push(`something on loopback was reached ${knocks} times`);
  if (beside.failed > 0) findings.push(`${beside.failed} of ${beside.calls} calls of the plugin beside it failed`);
  return { tried, beside, findings };
}

/** The cases from there on that one plugin can have. */
async function tryPart(sandbox: PluginSandbox, from: number, canary: number): Promise<Tried[]> {
  const part = ESCAPES.slice(from, from + MOST_TOOLS);
  const code = escapesModule(part, canary);
  const bad = await makePackage({ name: "@test/bad", version: `1.0.${from}`, code, draft: { permissions: GRANTED } });
  const call = { package: bad, input: {}, caller: CALLER, wallTimeMs: WALL_TIME_MS };
  const tried: Tried[] = [];
  for (const [at, escape] of part.entries()) {
    const host = new WatchedHost(guardedFetch({ allowed: [], resolve: loopback }));
    const result = await tryEscape(
      escape,
      async (granted) => await sandbox.call({ ...call, tool: `case_${at}`, granted }),
      host,
    );
    tried.push(result);
  }
  return tried;
}

async function callAllTheWhile(sandbox: PluginSandbox): Promise<{ end: () => Promise<EscapesReport["beside"]> }> {
  const beside = { calls: 0, failed: 0, slowestMs: 0 };
  const good = await makePackage({ name: "@test/good" });
  const granted = { grants: [], capabilities: new Map() };
  await sandbox.describe(good);
  const ended = new AbortController();
  const calls = (async () => {
    while (!ended.signal.aborted) {
      const startedAt = performance.now();
      const call = { package: good, tool: "greet", input: {}, caller: CALLER, granted };
      await sandbox.call(call).catch(() => (beside.failed += 1));
      beside.slowestMs = Math.max(beside.slowestMs, performance.now() - startedAt);
      beside.calls += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    end: async () => {
      ended.abort();
      await calls;
      return beside;
    },
  };
}
