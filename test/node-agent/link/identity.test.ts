import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isPaired, loadIdentity, savePairing } from "../../../node-agent/link/identity.ts";
import { signEnrolment, verifyEnrolment } from "../../../shared/protocol/signatures.ts";

const PAIRING = { agentId: "agt_1", origin: "https://door.example", tunnelUrl: "wss://door.example/tunnel" };
let root: string;
let path: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "porchlight-identity-"));
  path = join(root, "agent", "identity.json");
});
afterEach(() => rm(root, { recursive: true }));

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

async function rewrite(change: (file: Record<string, unknown>) => void): Promise<void> {
  const file: Record<string, unknown> = JSON.parse(await readFile(path, "utf8"));
  change(file);
  await writeFile(path, JSON.stringify(file));
}

test("is made once, private, and the same ever after", async () => {
  const made = await loadIdentity(path);
  expect(await modeOf(path)).toBe(0o600);
  expect(await modeOf(dirname(path))).toBe(0o700);
  expect(await readdir(dirname(path))).toEqual(["identity.json"]);
  const again = await loadIdentity(path);
  expect(again.publicKey).toBe(made.publicKey);
  expect(isPaired(again)).toBe(false);
  const claims = { origin: "o", code: "c" };
  expect(await verifyEnrolment(made.publicKey, await signEnrolment(again.privateKey, claims), claims)).toBe(true);
  await expect(crypto.subtle.exportKey("pkcs8", again.privateKey)).rejects.toThrow();
});

test("two machines are two identities", async () => {
  const other = await loadIdentity(join(root, "other.json"));
  expect((await loadIdentity(path)).publicKey).not.toBe(other.publicKey);
});

test("keeps the pairing, and the key through a second pairing", async () => {
  const identity = await loadIdentity(path);
  await savePairing(identity, PAIRING);
  const second = { ...PAIRING, agentId: "agt_2" };
  expect((await savePairing(identity, second)).pairing).toEqual(second);
  const loaded = await loadIdentity(path);
  expect(loaded).toMatchObject({ publicKey: identity.publicKey, pairing: second });
  expect(await modeOf(path)).toBe(0o600);
});

test("closes a file that was opened up", async () => {
  await loadIdentity(path);
  await chmod(path, 0o644);
  await loadIdentity(path);
  expect(await modeOf(path)).toBe(0o600);
});

test.each([
  ["empty", async () => writeFile(path, "")],
  ["not JSON", async () => writeFile(path, "{")],
  ["of another version", () => rewrite((file) => Object.assign(file, { version: 2 }))],
  ["without a private key", () => rewrite((file) => delete file.privateKey)],
  ["with a private key that is none", () => rewrite((file) => Object.assign(file, { privateKey: "AAAA" }))],
  [
    "with another's public key",
    async () => {
      const other = await loadIdentity(join(root, "other.json"));
      await rewrite((file) => Object.assign(file, { publicKey: other.publicKey }));
    },
  ],
  [
    "with a pairing to a strange address",
    () => rewrite((file) => Object.assign(file, { pairing: { ...PAIRING, tunnelUrl: "file:///etc/passwd" } })),
  ],
  [
    "a folder",
    async () => {
      await rm(path);
      await (await import("node:fs/promises")).mkdir(path);
    },
  ],
])("a file that is %s is named, and left as it is", async (_what, breakIt) => {
  await loadIdentity(path);
  await breakIt();
  const before = await readFile(path, "utf8").catch(() => "unreadable");
  await expect(loadIdentity(path)).rejects.toMatchObject({
    code: "identity_broken",
    message: expect.stringContaining(path),
  });
  expect(await readFile(path, "utf8").catch(() => "unreadable")).toBe(before);
});
