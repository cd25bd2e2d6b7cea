import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type Certificate,
  type CertificateFiles,
  loadCertificate,
} from "../../../node-agent/edge/front/certificate.ts";
import { certificateLook, watchCertificate } from "../../../node-agent/edge/front/watch-certificate.ts";
import { makeCertificate } from "../../support/certificates.ts";

let folder: string;
let one: CertificateFiles;
let two: CertificateFiles;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "porchlight-certificate-"));
  one = makeCertificate(folder, "one", ["home.example", "*.wild.example"]);
  two = makeCertificate(folder, "two", ["home.example"]);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const DAY_MS = 86_400_000;
const refused = async (files: CertificateFiles, host = "home.example", now = new Date()) =>
  await loadCertificate(files, host, now).then(
    () => "taken",
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );

describe("a certificate", () => {
  it("is taken for the names it is for", async () => {
    expect((await loadCertificate(one, "home.example")).endsAt.getTime()).toBeGreaterThan(Date.now() + 29 * DAY_MS);
    expect(await refused(one, "a.wild.example")).toBe("taken");
  });

  it("is refused in one sentence that says which file is wrong, and how", async () => {
    expect(await refused({ ...one, keyFile: two.keyFile })).toMatch(
      /^bad_certificate: The key in .*two\.key does not belong .*one\.crt/,
    );
    expect(await refused(one, "other.example")).toMatch(
      /is for home\.example, \*\.wild\.example, not for other\.example/,
    );
    expect(await refused(one, "home.example", new Date(Date.now() + 31 * DAY_MS))).toMatch(/one\.crt ended on \d{4}-/);
    expect(await refused(one, "home.example", new Date(Date.now() - DAY_MS))).toMatch(/starts on .* clock right/);
    expect(await refused({ ...one, certFile: join(folder, "none.crt") })).toMatch(
      /certificate file .*none\.crt is not there/,
    );
    expect(await refused({ ...one, certFile: folder })).toMatch(/is a folder/);
    expect(await refused({ ...one, certFile: one.keyFile })).toMatch(/one\.key holds no certificate in PEM form/);
    expect(await refused({ ...one, keyFile: one.certFile })).toMatch(/one\.crt holds no private key in PEM form/);
    const locked = join(folder, "locked.key");
    execFileSync("openssl", ["pkcs8", "-topk8", "-in", one.keyFile, "-out", locked, "-passout", "pass:secret"]);
    expect(await refused({ ...one, keyFile: locked })).toMatch(/locked\.key is encrypted/);
  });

  it("is taken up when it is renewed, as certbot does it; one that does not fit is told once and not taken", async () => {
    const live = { certFile: join(folder, "live.crt"), keyFile: join(folder, "live.key") };
    await symlink(one.certFile, live.certFile);
    await symlink(one.keyFile, live.keyFile);
    const renewed: Certificate[] = [];
    const problems: string[] = [];
    const news = {
      onRenewed: (next: Certificate) => renewed.push(next),
      onUnusable: (why: string) => problems.push(why),
    };
    const look = await certificateLook(live, "home.example", news);
    // In one step each, as whoever renews does it: what looks in between sees the one or the other, whole.
    const relink = async (from: string, to: string) => {
      await symlink(from, `${to}.next`);
      await rename(`${to}.next`, to);
    };
    const replace = async (text: string | Buffer) => {
      await writeFile(`${live.certFile}.next`, text);
      await rename(`${live.certFile}.next`, live.certFile);
    };
    await look();
    await relink(two.certFile, live.certFile);
    await look(); // between the two: not yet wrong
    await relink(two.keyFile, live.keyFile);
    await look();
    expect(problems).toEqual([]);
    expect(renewed.map(({ cert }) => cert)).toEqual([await readFile(two.certFile, "utf8")]);
    await replace(await readFile(one.certFile)); // and its key not
    await look();
    expect(problems).toEqual([]);
    await look();
    await look();
    expect(problems).toEqual([expect.stringMatching(/does not belong/)]);
    await replace("-----BEGIN");
    await look();
    await look();
    expect(problems).toHaveLength(2);
    await replace(await readFile(two.certFile));
    await look();
    await look();
    expect(renewed).toHaveLength(2);
    expect(problems).toHaveLength(2);
  });

  it("is looked at every five seconds, until nobody wants to know", async () => {
    const live = { certFile: join(folder, "timed.crt"), keyFile: join(folder, "timed.key") };
    await symlink(two.certFile, live.certFile);
    await symlink(two.keyFile, live.keyFile);
    const renewed: Certificate[] = [];
    const touch = async () => await utimes(two.keyFile, new Date(), new Date(Date.now() + renewed.length * 1_000));
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const news = { onRenewed: (next: Certificate) => renewed.push(next), onUnusable: () => {} };
      const stop = await watchCertificate(live, "home.example", news);
      for (const times of [1, 2]) {
        await touch();
        vi.advanceTimersByTime(5_000);
        await expect.poll(() => renewed.length).toBe(times);
      }
      stop();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
