import { expect, it } from "vitest";
import { tryEscapesAtHome } from "../../support/plugins/escapes-at-home.ts";

it("lets nothing out of the sandbox at home, and goes on answering others meanwhile", {
  timeout: 180_000,
}, async () => {
  const { tried, beside, findings } = await tryEscapesAtHome();
  expect(findings).toEqual([]);
  expect(tried.length).toBeGreaterThan(100);
  expect(beside.calls).toBeGreaterThan(100);
  expect(tried.filter(({ outcome }) => outcome === "internal").map(({ escape }) => escape.name)).toEqual([]);
});
