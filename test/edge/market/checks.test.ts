import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { marketOf } from "../../../edge/market/market.ts";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { makePackage, MODULE, type PackageWanted } from "../../support/market.ts";
import { type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import {
  decide,
  handIn,
  openMarket,
  publish,
  publisher,
  type PublisherOf,
  reviewer,
  runMarket,
  upload,
  versionOf,
} from "./support.ts";

let owner: Owner;
let ada: PublisherOf;
let rita: Awaited<ReturnType<typeof reviewer>>;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  rita = await reviewer(owner);
});

/** Handed in, and not looked at yet. */
async function waiting(wanted: PackageWanted): Promise<string> {
  const { bytes } = await makePackage(wanted, ada.keys);
  const { id } = await (await upload(ada.apiKey, bytes)).json<ShownVersion>();
  await send(ada.apiKey, "POST", `/api/market/versions/${id}/submit`);
  return id;
}

describe("the checks of what is handed in", () => {
  it("reject what cannot run, and say where and why", async () => {
    const version = await handIn(ada, { name: "@ada/bare", code: `import "lodash";\n${MODULE}` });
    expect(version).toMatchObject({
      state: "rejected",
      words: "It imports something that the package does not have. (main.js, line 1, lodash)",
      findings: [{ severity: "refuse", code: "import_unknown", path: "main.js", line: 1 }],
    });
  });

  it("reject a leaked key, and show a stranger nothing of it", async () => {
    const key = ["sk", "live", "4eC39HqLyjWDarjtT1zdp7dc"].join("_");
    const version = await handIn(ada, { name: "@ada/leak", files: { "notes.md": key } });
    expect(version).toMatchObject({ state: "rejected", findings: [{ code: "secret" }] });
    expect(JSON.stringify(version)).not.toContain(key);
  });

  it("put into quarantine what hides something; a reviewer lets it go on, or not", async () => {
    const hidden = { files: { "README.md": "Nice\u200b plugin" } };
    const first = await handIn(ada, { name: "@ada/hidden", ...hidden });
    expect(first).toMatchObject({ state: "quarantined", findings: [{ code: "hidden_characters" }] });
    expect((await decide(rita.apiKey, first.id, "approve")).status).toBe(409);
    expect(await (await decide(rita.apiKey, first.id, "release")).json()).toMatchObject({ state: "in_review" });
    expect(await (await decide(rita.apiKey, first.id, "approve")).json()).toMatchObject({ state: "published" });
    const second = await handIn(ada, { name: "@ada/hidden", version: "1.0.1", ...hidden });
    expect(await (await decide(rita.apiKey, second.id, "reject")).json()).toMatchObject({ state: "rejected" });
    await runMarket();
  });

  it("forget a rejected package after a month", async () => {
    const { id } = await handIn(ada, { name: "@ada/forgotten", code: "not code" });
    const young = await handIn(ada, { name: "@ada/young", code: "not code" });
    await env.DB.prepare("UPDATE market_versions SET state_at = ? WHERE id = ?")
      .bind(Date.now() - 31 * 24 * 3600_000, id)
      .run();
    await marketOf(env).wake();
    await vi.waitFor(async () => expect(await env.PACKAGES.head(`submissions/${id}`)).toBeNull(), 30_000);
    expect(await env.PACKAGES.head(`submissions/${young.id}`)).not.toBeNull();
    expect(await versionOf(ada.apiKey, id)).toMatchObject({
      state: "rejected",
      findings: [{ code: "code_unreadable" }],
    });
  });

  it("show a reviewer the worst first", async () => {
    const code = `eval("1"); const x = "https://elsewhere.example/";\n${MODULE}`;
    const { findings, state } = (await handIn(ada, { name: "@ada/mixed", code })) as Awaited<
      ReturnType<typeof versionOf>
    >;
    expect({ state, codes: findings.map(({ code: found }) => found) }).toEqual({
      state: "in_review",
      codes: ["dynamic_code", "host_undeclared"],
    });
  });

  it("go on after a failure that is not the package's, and end with one that fails each time", async () => {
    const said = vi.spyOn(console, "error").mockReturnValue();
    const broken = await waiting({ name: "@ada/broken" });
    const object = await env.PACKAGES.get(`submissions/${broken}`);
    const bytes = (await object?.arrayBuffer()) ?? new ArrayBuffer(0);
    await env.PACKAGES.put(`submissions/${broken}`, "something else");
    await runDurableObjectAlarm(marketOf(env));
    expect((await versionOf(ada.apiKey, broken)).state).toBe("validating");
    await env.PACKAGES.put(`submissions/${broken}`, bytes);
    await runMarket();
    expect((await versionOf(ada.apiKey, broken)).state).toBe("in_review");
    const lost = await waiting({ name: "@ada/lost" });
    const behind = await waiting({ name: "@ada/behind" });
    await env.PACKAGES.delete(`submissions/${lost}`);
    await runMarket();
    expect(await versionOf(ada.apiKey, lost)).toMatchObject({
      state: "rejected",
      findings: [{ code: "check_failed" }],
    });
    expect((await versionOf(ada.apiKey, behind)).state).toBe("in_review");
    expect(said.mock.calls.length).toBe(4);
    said.mockRestore();
  });

  it("begin by themselves once something is handed in", async () => {
    const id = await waiting({ name: "@ada/soon" });
    await vi.waitFor(async () => expect((await versionOf(ada.apiKey, id)).state).toBe("in_review"), 30_000);
  });
});

describe("what is known to be bad", () => {
  const CODE = `${MODULE}// the same in several plugins\n`;

  it("is put into quarantine where it is published already, and comes back when a reviewer says so", async () => {
    const first = await publish(ada, rita, { name: "@ada/first", code: CODE });
    const second = await publish(ada, rita, { name: "@ada/second", code: CODE });
    const other = await publish(ada, rita, { name: "@ada/other" });
    const why = { reason: "malware", words: "It mines." };
    await send(rita.apiKey, "POST", `/api/market/desk/${first.id}/revoke`, why);
    await runMarket();
    expect((await versionOf(ada.apiKey, second.id)).state).toBe("quarantined");
    expect((await versionOf(ada.apiKey, other.id)).state).toBe("published");
    expect((await request("/api/market/plugins/ada/second")).status).toBe(404);
    expect((await request(`/api/market/packages/${second.hash}`)).status).toBe(404);
    await decide(rita.apiKey, second.id, "release");
    expect(await (await decide(rita.apiKey, second.id, "approve")).json()).toMatchObject({ state: "published" });
    await runMarket();
    expect((await request(`/api/market/packages/${second.hash}`)).status).toBe(200);
  });

  it("is named by reviewers alone", async () => {
    const third = await publish(ada, rita, { name: "@ada/third", code: `${CODE}//\n` });
    const entry = (third.manifest as { files: { sha256: string }[] }).files[0]?.sha256 ?? "";
    const body = { hashes: [entry], words: "Somebody told us." };
    expect((await send(ada.apiKey, "POST", "/api/market/bad-hashes", body)).status).toBe(403);
    const named = await send(rita.apiKey, "POST", "/api/market/bad-hashes", body);
    expect(await named.json()).toEqual({ quarantined: 1 });
    expect(await versionOf(ada.apiKey, third.id)).toMatchObject({ state: "quarantined", words: "Somebody told us." });
    const again = await handIn(ada, { name: "@ada/third", version: "2.0.0", code: `${CODE}//\n` });
    expect(again).toMatchObject({ state: "quarantined", findings: [{ code: "known_bad" }] });
  });
});

describe("installs", () => {
  it("are counted once a day for each installer", async () => {
    await publish(ada, rita, { name: "@ada/counted" });
    const counted = async () =>
      (await env.DB.prepare("SELECT installs AS n FROM market_plugins WHERE name = 'counted'").first<{ n: number }>())
        ?.n;
    const wanted = { publisher: "ada", name: "counted", version: "1.0.0" };
    for (const installer of ["household a", "household a", "household b"])
      await marketOf(env).obtain(wanted, installer);
    expect(await counted()).toBe(2);
    const { sha256 } = await (await request("/api/market/plugins/ada/counted")).json<{ sha256: string }>();
    for (const address of ["6.6.6.6", "6.6.6.6", "7.7.7.7"]) {
      const headers = { "cf-connecting-ip": address };
      expect((await request(`/api/market/targets/ada/counted/${sha256}.1.0.0.tar`, { headers })).status).toBe(200);
    }
    await vi.waitFor(async () => expect(await counted()).toBe(4), 30_000);
  });
});
