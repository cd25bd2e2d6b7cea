import { afterAll, beforeAll, expect, it } from "vitest";
import { makePackage } from "../support/market.ts";
import { lookAt } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

// The server is this very edge: it signs in at itself, over its own `/mcp`.
beforeAll(() => {
  process.env["PORCHLIGHT_WEBHOOK_HOSTS"] = "localhost";
});
const { visit, stack } = useVisitors();
afterAll(() => {
  delete process.env["PORCHLIGHT_WEBHOOK_HOSTS"];
});

const CODE = `export default { tools: {
  remember: { description: "Writes a line down.", input: { type: "object" }, effect: "write", execute: () => "kept" },
  recall: { description: "Reads the lines.", input: { type: "object" }, effect: "read", execute: () => "lines" },
} };`;

/** What the script tries first, to find out that it must sign in. */
const REFUSED = /^error: Failed to load resource: .*409/;

it("adds a server that wants one to sign in, lets oneself in there, and disconnects it", {
  timeout: 180_000,
}, async () => {
  const { page, problems } = await visit({ path: "/plugins" });
  const { bytes } = await makePackage({ name: "@ada/lines", version: "1.0.0", code: CODE });
  await page.getByLabel("Package").setInputFiles({ name: "l.plugin", mimeType: "", buffer: Buffer.from(bytes) });
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByRole("button", { name: "Install with these permissions" }).click();
  await page.locator('[data-plugin="@ada/lines"]').waitFor();
  await page.getByRole("link", { name: "Servers (MCP)" }).click();
  await page.getByText("You have added none yet.").waitFor();
  await lookAt(page, "servers-empty");

  await page.getByLabel("Address").fill(`${stack().origin}/mcp`);
  await page.getByLabel("Name", { exact: true }).fill("self");
  await page.getByRole("button", { name: "Look at its tools" }).click();
  await page.getByRole("heading", { name: "Let Porchlight use your tools?" }).waitFor();
  expect(problems.splice(0)).toEqual([expect.stringMatching(REFUSED)]);
  const facts = await page.locator(".knock-facts dd").allInnerTexts();
  expect(facts[0]).toBe("a program on this computer");
  expect(await page.locator(".permissions li").allInnerTexts()).toEqual([
    expect.stringMatching(/lines__remember may change things\s+Writes/),
    expect.stringMatching(/lines__recall reads\s+Reads/),
  ]);
  await lookAt(page, "consent");
  await page.goto(page.url().replace("state=", "lang=zh-CN&state="));
  await page.getByRole("heading", { name: "允许 Porchlight 使用你的工具吗？" }).waitFor();
  await lookAt(page, "consent-zh");
  await page.goto(`${page.url()}&lang=en`);
  await page.getByRole("button", { name: "Let it in" }).click();
  await page.getByText("You are signed in.").waitFor();
  await lookAt(page, "servers-waiting");
  await page.locator('[data-server="self"]').getByRole("button", { name: "Look at its tools" }).click();
  await page.getByText("It offers:").waitFor();
  await lookAt(page, "servers-look");
  await page.getByRole("button", { name: "Let my models use them" }).click();
  await page.getByText("Its 2 tools").click();
  await lookAt(page, "servers-mounted");
  await page.goto("/plugins/servers?lang=zh-CN");
  await page.getByText("它的 2 个工具").waitFor();
  await lookAt(page, "servers-zh");
  await page.goto("/plugins?lang=en");

  const connected = page.locator("section", { hasText: "Connected programs" });
  await connected.getByText("Porchlight").waitFor();
  await lookAt(page, "plugins-connected");
  await connected.getByRole("button", { name: "Disconnect" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await expect.poll(async () => await connected.count(), { timeout: 20_000 }).toBe(0);
  expect(problems).toEqual([]);
});

it("sends nobody anywhere by a request that is not in order", { timeout: 60_000 }, async () => {
  const query = new URLSearchParams({
    client_id: "nobody",
    redirect_uri: "https://evil.example/",
    response_type: "code",
  });
  const { page, problems } = await visit({ path: `/oauth/authorize?${query.toString()}` });
  await page.getByRole("heading", { name: "This program cannot be let in" }).waitFor();
  await lookAt(page, "consent-problem");
  expect(problems.splice(0)).toEqual([expect.stringMatching(/400/)]);
});
