import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { EdgeRuntime } from "../../../edge/home/plugins/runtime/edge-runtime.ts";
import { grant } from "../../../shared/plugin/host/grants.ts";
import { parseOffers } from "../../../shared/plugin/tool-list.ts";
import { memoryKeyValues } from "../../support/memory-key-values.ts";
import { EVERY_PART_OFFERS, everyPart, PART_CALLS } from "../../support/plugin-parts.ts";

it("runs every part of a plugin beside the edge as at home", async () => {
  const { hash, bytes, manifest } = await everyPart();
  const runtime = new EdgeRuntime(env.LOADER);
  const of = { hash, owner: "p", load: async (): Promise<Uint8Array> => bytes };
  const signal = new AbortController().signal;
  const { tools, parts } = parseOffers(await runtime.describe(of, signal));
  expect({ tools: tools.map(({ name }) => name), parts: parts.map(({ part }) => part) }).toEqual(EVERY_PART_OFFERS);
  const granted = grant(manifest.permissions, { storage: memoryKeyValues() });
  for (const { call: tool, input, value, fails } of PART_CALLS) {
    const caller = { locale: "zh-CN", timeZone: "UTC" } as const;
    const call = { ...of, tool, input: JSON.stringify(input), caller, granted, net: [], wallTimeMs: 10_000, signal };
    const calling = runtime.call(call).then((text): unknown => JSON.parse(text));
    if (fails === undefined) expect([tool, await calling]).toEqual([tool, value]);
    else await expect(calling).rejects.toThrow(fails);
  }
});
