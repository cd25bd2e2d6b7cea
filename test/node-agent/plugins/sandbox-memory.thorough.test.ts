import { afterAll, expect, test } from "vitest";
import { grant } from "../../../shared/plugin/host/grants.ts";
import { PluginSandbox } from "../../../node-agent/plugins/sandbox.ts";
import { permissionsSchema } from "../../../shared/plugin/manifest.ts";
import { plugin } from "../../support/plugin.ts";

const sandbox = new PluginSandbox({ processes: 1 });
afterAll(async () => await sandbox.stop());

test.each([
  ["of the heap", "const all = []; for (;;) all.push(new Array(1e5).fill(all.length));"],
  ["of buffers", "const all = []; for (;;) { all.push(new Uint8Array(5e7).fill(1)); await 0; }"],
])("a memory bomb %s is stopped, and the next call works", async (_, bomb) => {
  const bombs = await plugin({ bomb, fine: "return 'fine';" });
  const caller = { locale: "en", timeZone: "UTC" } as const;
  const call = { package: bombs, input: {}, caller, granted: grant(permissionsSchema.parse({}), {}) };
  await expect(sandbox.call({ ...call, tool: "bomb" })).rejects.toMatchObject({ code: "plugin_crashed" });
  expect(await sandbox.call({ ...call, tool: "fine" })).toBe("fine");
});
