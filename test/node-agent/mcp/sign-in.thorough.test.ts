import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { agree, ownerCookie } from "../../support/mcp/let-in.ts";
import { startStack, type TestStack } from "../../support/stack.ts";

const CLI = fileURLToPath(new URL("../../../node-agent/cli.ts", import.meta.url));

/** The server is the edge itself: it is asked over its own `/mcp`. */
let stack: TestStack;
beforeAll(async () => {
  process.env["PORCHLIGHT_WEBHOOK_HOSTS"] = "localhost";
  stack = await startStack();
}, 120_000);
afterAll(async () => {
  delete process.env["PORCHLIGHT_WEBHOOK_HOSTS"];
  await stack?.stop();
});

it("'porchlight mcp add NAME URL' prints a page to sign in at, waits, and mounts the server", {
  timeout: 120_000,
}, async () => {
  const args = [CLI, "mcp", "add", "self", `${stack.origin}/mcp`, "--yes", "--origin", stack.origin];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, PORCHLIGHT_API_KEY: stack.apiKey },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (said += part.toString()));
  const ended = once(child, "exit");
  await expect.poll(() => said, { timeout: 60_000 }).toMatch(/^ {2}http\S+$/m);
  const page = /^ {2}(http\S+)$/m.exec(said)?.[1] ?? "";
  const cookie = await ownerCookie(stack);
  const back = await agree(cookie, new URL(page));
  expect(back.pathname).toBe("/plugins/servers/callback");
  const returned = await fetch(back, { headers: { cookie }, redirect: "manual" });
  expect([returned.status, returned.headers.get("location")]).toEqual([303, "/plugins/servers"]);
  expect((await fetch(back, { headers: { cookie }, redirect: "manual" })).status).toBe(502);
  expect(await ended).toEqual([0, null]);
  expect(said).toMatch(/You are signed in\.[\s\S]*self is mounted\./);
});
