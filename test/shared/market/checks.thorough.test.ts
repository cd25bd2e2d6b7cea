import { expect, test } from "vitest";
import { buildPlugin } from "../../../node-agent/plugins/build.ts";
import { scanPackage, validatePackage } from "../../../shared/market/checks/check-package.ts";

/** Their bundles hold PDF.js, the largest library of any first-party plugin. */
test.each(["pdf-text", "library"])(
  "%s is read whole and held up by nothing",
  async (name) => {
    const plugin = { ...(await buildPlugin(`plugins/${name}`)), hash: "" };
    const found = [...(await validatePackage(plugin)), ...(await scanPackage(plugin, async () => new Set()))];
    expect(found.filter(({ severity }) => severity !== "note")).toEqual([]);
    expect(found).toContainEqual(expect.objectContaining({ code: "host_undeclared", excerpt: "www.xfa.org" }));
  },
  120_000,
);
