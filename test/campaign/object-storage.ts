import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import type { HostPorts } from "../../shared/plugin/host/grants.ts";
import { firstParty } from "../support/first-party.ts";
import { freePort } from "../support/stack.ts";

/**
 * The S3 plugin, in its sandbox, against a server of others: s3rver, which npx fetches from the registry. It looks at no signature of
 * version 4; test/plugins/s3.test.ts has AWS's own code check those.
 * `node test/campaign/object-storage.ts`
 */
const SERVER = "s3rver@3.7.1";
const SECRETS: Record<string, string> = {
  S3_ENDPOINT: "https://store.example.com",
  S3_BUCKET: "notes",
  S3_ACCESS_KEY_ID: "S3RVER",
  S3_SECRET_ACCESS_KEY: "S3RVER",
};

const folder = await mkdtemp(join(tmpdir(), "porchlight-s3-"));
const port = await freePort();
const local = `http://127.0.0.1:${port}`;
const words = ["--yes", SERVER, "-d", folder, "-a", "127.0.0.1", "-p", String(port), "--configure-bucket", "notes"];
const server = spawn("npx", words, { stdio: "ignore", detached: true });
/** The public name leads to the server; `host` is signed, and goes along. */
const reach = async (url: string, init: RequestInit = {}): Promise<Response> =>
  await fetch(url.replace("https://store.example.com", local), init);

function ports(secrets = SECRETS): HostPorts {
  return {
    secret: async (name) => await Promise.resolve(secrets[name]),
    guardedFetch: async (request) => {
      const body = request.method === "GET" ? null : await request.arrayBuffer();
      return await reach(request.url, { method: request.method, headers: request.headers, body });
    },
  };
}

async function untilUp(): Promise<void> {
  for (let attempt = 0; attempt < 120; attempt++) {
    if (await fetch(local).then(Boolean, () => false)) return;
    await sleep(500);
  }
  throw new Error("The server did not start. Can npx reach the registry?");
}

const s3 = await firstParty("s3");
try {
  await untilUp();
  const call = async (tool: string, input: object, own = ports()): Promise<unknown> => await s3.call(tool, input, own);
  for (const key of ["notes/today.txt", "一 & 二 (3)!'*.txt", "a+b=c?d#e.txt"]) {
    assert.deepEqual(await call("store", { key, text: "灯".repeat(1_000) }), { stored: key, bytes: 3_000 });
    const { text, characters } = (await call("read", { key })) as { text: string; characters: number };
    assert.equal(text, "灯".repeat(characters));
    console.log(`stored and read: ${key}`);
  }
  const { objects } = (await call("list", {})) as { objects: { key: string; bytes: number }[] };
  assert.deepEqual(
    objects.map(({ bytes }) => bytes),
    [3_000, 3_000, 3_000],
  );
  console.log(`listed: ${objects.map(({ key }) => key).join(", ")}`);
  const { link } = (await call("link", { key: "notes/today.txt", hours: 1 })) as { link: string };
  assert.equal((await (await reach(link)).text()).length, 1_000);
  console.log("a link is read without a key");
  await call("remove", { key: "notes/today.txt" });
  await assert.rejects(call("read", { key: "notes/today.txt" }), /no object/);
  console.log("removed");
} finally {
  await s3.stop();
  if (server.pid !== undefined) process.kill(-server.pid, "SIGKILL"); // its own group: npx and the server
  await rm(folder, { recursive: true, force: true });
}
