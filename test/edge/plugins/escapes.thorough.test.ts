import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { EdgeRuntime } from "../../../edge/home/plugins/runtime/edge-runtime.ts";
import { readResult } from "../../../shared/plugin/host/result.ts";
import { MOST_TOOLS } from "../../../shared/plugin/limits.ts";
import { makePackage } from "../../support/market.ts";
import { ESCAPES } from "../../support/plugins/escapes.ts";
import { escapesModule, GRANTED, tryEscape } from "../../support/plugins/try-escape.ts";

// What takes its isolate along is Cloudflare's to stop: workerd alone holds it to no limits, and an edge of one's own runs no plugins.
const CASES = ESCAPES.filter(({ fatal }) => fatal !== true);
/** Nothing listens there: that nothing is reached, the sandbox at home is asked. */
const CLOSED_PORT = 9;

it.each(Array.from({ length: Math.ceil(CASES.length / MOST_TOOLS) }, (_, part) => part))(
  "lets nothing out of an isolate beside the edge, part %d",
  { timeout: 60_000 },
  async (number) => {
    const runtime = new EdgeRuntime(env.LOADER);
    const part = CASES.slice(number * MOST_TOOLS, (number + 1) * MOST_TOOLS);
    const bad = await makePackage({
      name: "@test/bad",
      version: `1.0.${number}`,
      code: escapesModule(part, CLOSED_PORT),
      draft: { permissions: GRANTED },
    });
    const call = {
      hash: bad.hash,
      load: async () => await Promise.resolve(bad.bytes),
      owner: "p",
      input: "{}",
      caller: { locale: "en", timeZone: "UTC" } as const,
      net: [],
      wallTimeMs: 10_000,
      signal: new AbortController().signal,
    };
    for (const [at, escape] of part.entries()) {
      const { reached, outcome } = await tryEscape(escape, async (granted) =>
        readResult(await runtime.call({ ...call, tool: `case_${at}`, granted }), undefined),
      );
      expect([escape.name, reached]).toEqual([escape.name, []]);
      expect([escape.name, outcome]).not.toEqual([escape.name, "internal"]);
    }
  },
);
