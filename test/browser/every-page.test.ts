import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { toBase64Url } from "../../shared/protocol/base64url.ts";
import { signDevice } from "../../shared/protocol/signatures.ts";
import { freePort } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";
import { faultsOf, inEveryLook, shoot } from "./looks.ts";
import { newDevice } from "./people.ts";

const SETUP_TOKEN = "the token of this test";
/** As long as a name may be, and nowhere to break it. */
const LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissen".padEnd(64, "s");

const PAGES = [
  "/",
  "/agents",
  "/jobs",
  "/schedules",
  "/memory",
  "/plugins",
  "/plugins/servers",
  "/hooks",
  "/market",
  "/market/mine",
  "/market/purchases",
  "/reviews",
  "/import",
  "/device",
  "/keys",
  "/usage",
  "/account",
  "/sessions",
  "/members",
  "/audit",
  "/docs",
];

let edge: EmbeddedEdge;
let browser: Browser;
let folder: string;
let machine: ChildProcess | undefined;
/** What is wrong with what was looked at, all of it. */
let findings: string[] = [];

beforeAll(async () => {
  await buildEdgeIfNeeded();
  folder = await mkdtemp(join(tmpdir(), "porchlight-pages-"));
  edge = await startEmbeddedEdge({ stateDir: join(folder, "edge"), port: await freePort(), setupToken: SETUP_TOKEN });
  browser = await startChromium();
});

afterEach(() => {
  const found = findings;
  findings = [];
  expect(found).toEqual([]);
});

afterAll(async () => {
  machine?.kill();
  await browser?.close();
  await edge?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The page has no fault that is seen, and shows where the focus is, wherever Tab takes it. */
async function inspect(page: Page, name: string): Promise<string[]> {
  const faults = await faultsOf(page);
  await shoot(page, name);
  return [...faults, ...(await walk(page))];
}

/** Goes through the page by Tab: what has the focus without showing it, and where the order goes back up within a column. */
async function walk(page: Page): Promise<string[]> {
  const wrong: string[] = [];
  let last = { top: 0, right: 0, region: "" };
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement) || element === document.body) return undefined;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const around = element.parentElement ? getComputedStyle(element.parentElement).boxShadow : "none";
      const visible = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none" || around !== "none";
      const { top, bottom, left, right } = element.getBoundingClientRect();
      const region = element.closest("main, nav, header, footer, aside")?.tagName ?? "";
      const isFirst = element.dataset["walked"] === undefined;
      element.dataset["walked"] = "";
      return {
        visible,
        top: top + scrollY,
        bottom: bottom + scrollY,
        left,
        right,
        region,
        isFirst,
        html: element.outerHTML.slice(0, 120),
      };
    });
    if (at === undefined || !at.isFirst) break;
    if (!at.visible) wrong.push(`focus that is not seen: ${at.html}`);
    const isNextColumn = at.left >= last.right;
    if (at.region === last.region && at.region === "MAIN" && at.bottom < last.top - 8 && !isNextColumn)
      wrong.push(`focus that goes back up: ${at.html}`);
    last = at;
  }
  return wrong;
}

describe("every page", () => {
  let ada: Page;
  let state: Awaited<ReturnType<BrowserContext["storageState"]>>;
  let invitation = "";
  let pairing = "";
  let device = "";

  async function look(path: string, name: string, signedIn: boolean): Promise<void> {
    const options = { baseURL: edge.origin, ...(signedIn ? { storageState: state } : {}) };
    const faults = await inEveryLook(browser, name, options, async (page, own) => {
      await page.goto(path);
      return await inspect(page, own);
    });
    findings.push(...faults);
  }

  it("before there is anybody", async () => {
    await look("/", "first", false);
    await look("/setup", "setup", false);
  }, 120_000);

  it("of somebody who lives alone, with nothing yet", async () => {
    ada = (await newDevice(browser, edge.origin)).page;
    await ada.goto("/setup");
    await ada.getByLabel("Set-up token").fill(SETUP_TOKEN);
    await ada.getByLabel("Your name").fill(LONG);
    await ada.getByRole("button", { name: "Create the passkey" }).click();
    await ada.getByRole("button", { name: "I have kept them" }).waitFor();
    for (const width of [1280, 390]) {
      await ada.setViewportSize({ width, height: 844 });
      const name = `codes-en-${width}`;
      findings.push(...(await inspect(ada, name)).map((what) => `${name}: ${what}`));
    }
    await ada.getByRole("button", { name: "I have kept them" }).click();
    await ada.getByLabel("Your message").waitFor();
    state = await ada.context().storageState();
    for (const path of ["/", "/agents", "/keys", "/usage", "/members"]) {
      await look(path, `empty${path.replace("/", "-")}`, true);
    }
  }, 600_000);

  it("of a household with long names", async () => {
    await furnish();
    for (const path of PAGES) await look(path, `full${path.replace("/", "-")}`, true);
    await look(`/device/${device}`, "device-decision", true);
    await look("/device/gone", "device-gone", true);
  }, 600_000);

  it("of visitors", async () => {
    await look("/sign-in", "sign-in", false);
    await look(invitation, "join", false);
    await look("/join/gone", "join-gone", false);
    await look(pairing, "pairing-link", false);
    await look("/nowhere", "nowhere", false);
  }, 600_000);

  /** Everything that lists can show, with the longest names. */
  async function furnish(): Promise<void> {
    const api = async (path: string, body: object): Promise<Record<string, string>> =>
      await ada.evaluate(
        async ([to, json]) => {
          const response = await fetch(to, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: json,
          });
          if (!response.ok) throw new Error(`${to} answered ${response.status}: ${await response.text()}`);
          return (await response.json()) as Record<string, string>; // our own routes
        },
        [path, JSON.stringify(body)] as const,
      );
    const limits = { requestsPerMinute: 100_000, tokensPerDay: 1_000_000_000_000, nodeSecondsPerDay: 100_000_000 };
    const models = ["m".repeat(120), "qwen*", "words"];
    await api("/api/keys", { name: LONG, scopes: ["inference", "models:read", "agents:read", "usage:read"] });
    const { apiKey = "" } = await api("/api/keys", {
      name: "Editor",
      models,
      limits,
      expiresInDays: 90,
      priority: "low",
    });
    await api("/api/memory", { text: LONG });
    await api("/api/hooks", { name: LONG, session: null });
    await api("/api/memory", { text: "I live in Lyon." });
    for (const role of ["member", "owner", "viewer"])
      invitation = (await api("/api/invitations", { role }))["url"] ?? "";
    const { page: guest } = await newDevice(browser, edge.origin);
    await guest.goto(invitation);
    await guest.getByLabel("Your name").fill("m".repeat(64));
    await guest.getByRole("button", { name: "Create the passkey" }).click();
    await guest.getByRole("button", { name: "I have kept them" }).click();
    await guest.context().close();
    invitation = (await api("/api/invitations", { role: "member" }))["url"] ?? "";
    pairing = (await api("/api/pairing-codes", {}))["url"] ?? "";
    device = await knock(api);
    const enrolUrl = (await api("/api/pairing-codes", {}))["url"];
    const options = { enrolUrl, identityFile: join(folder, "machine"), key: "bench" };
    machine = fork(fileURLToPath(new URL("../bench/relay-agent.ts", import.meta.url)), [JSON.stringify(options)]);
    await once(machine, "message");
    const chat = async (key: string): Promise<void> => {
      await fetch(`${edge.origin}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "words", messages: [{ role: "user", content: "20" }] }),
      }).then((response) => response.text());
    };
    for (let i = 0; i < 3; i++) await chat(apiKey);
    const prompt = `${LONG} ${"words ".repeat(100)}`;
    await api("/api/schedules", { prompt, model: "words", cron: "0 8 * * 1-5", timeZone: "Europe/Berlin" });
    state = await ada.context().storageState();
  }

  /** A machine asks for a code; the owner types it in. */
  async function knock(api: (path: string, body: object) => Promise<Record<string, string>>): Promise<string> {
    const keys = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("privateKey" in keys)) throw new Error("not a key pair");
    const publicKey = toBase64Url(new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey)));
    const signature = await signDevice(keys.privateKey, { origin: edge.origin, name: LONG });
    const fields = { client_id: "porchlight", public_key: publicKey, name: LONG, system: "linux x64", signature };
    const response = await fetch(`${edge.origin}/oauth/device_authorization`, {
      method: "POST",
      body: new URLSearchParams(fields),
    });
    const { user_code: userCode } = (await response.json()) as { user_code: string }; // our own route
    return (await api("/api/device-authorizations/find", { userCode }))["id"] ?? "";
  }
});
