import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { partCall } from "../../shared/plugin/parts.ts";
import { firstParty } from "../support/first-party.ts";
import { memoryKeyValues } from "../support/memory-key-values.ts";

const inbox = await firstParty("inbox");
afterAll(async () => await inbox.stop());

let storage = memoryKeyValues();
beforeEach(() => {
  storage = memoryKeyValues();
});

const HOUR = 3600_000;
const arrive = async (body: string, more: object = {}): Promise<unknown> => {
  const message = {
    id: crypto.randomUUID(),
    receivedAt: new Date().toISOString(),
    webhook: "Builds",
    headers: {},
    body,
  };
  return await inbox.call(partCall("webhook"), { ...message, encoding: "utf-8", ...more }, { storage });
};
const list = async (input: object, timeZone = "UTC"): Promise<{ id: string; subject: string; event: string }[]> => {
  const found = await inbox.call("list", input, { storage }, { locale: "en", timeZone });
  return (found as { messages: { id: string; subject: string; event: string }[] }).messages;
};

describe("what came in", () => {
  test("is listed by its day where the person is, and read whole", async () => {
    await arrive('{"action":"completed","workflow":{"name":"Nightly build"},"message":"It failed in step 3.\\nmore"}', {
      headers: { "x-github-event": "workflow_run" },
    });
    await arrive("plain words");
    await arrive('{"type":"invoice.paid","data":{"title":"Invoice 7 of Ms Lin"}}', {
      receivedAt: new Date(Date.now() - 26 * HOUR).toISOString(),
    });
    const today = await list({});
    expect(today.map(({ subject }) => subject).toSorted()).toEqual(["It failed in step 3.", "plain words"]);
    expect(today.map(({ event }) => event)).toContain("workflow_run");
    const all = await list({ day: "all", words: "lin" });
    expect(all).toMatchObject([{ subject: "Invoice 7 of Ms Lin", event: "invoice.paid", from: "Builds" }]);
    const whole = await inbox.call("read", { id: all[0]?.id ?? "" }, { storage });
    expect(whole).toMatchObject({ text: '{"type":"invoice.paid","data":{"title":"Invoice 7 of Ms Lin"}}' });
    await expect(inbox.call("read", { id: "nothing" }, { storage })).rejects.toThrow("no such message");
  });

  test("is of today or yesterday as the person's clock says", async () => {
    /** Where it is about that hour now. */
    const zoneAt = (hour: number): string => {
      const ahead = ((hour - new Date().getUTCHours() + 36) % 24) - 12;
      return ahead > 0 ? `Etc/GMT-${ahead}` : `Etc/GMT+${-ahead}`;
    };
    await arrive("six hours ago", { receivedAt: new Date(Date.now() - 6 * HOUR).toISOString() });
    expect(await list({}, zoneAt(15))).toHaveLength(1);
    expect(await list({}, zoneAt(3))).toHaveLength(0);
    expect(await list({ day: "yesterday" }, zoneAt(3))).toHaveLength(1);
    expect(await list({ day: "week" }, zoneAt(3))).toHaveLength(1);
  });

  test("that comes twice is there once; bytes are no text; nothing is an empty day", async () => {
    expect(await list({})).toEqual([]);
    const same = { id: "msg_1", receivedAt: new Date().toISOString() };
    for (const body of ['{"title":"Once"}', '{"title":"Once"}'])
      expect(await arrive(body, same)).toEqual({ kept: "Once" });
    expect(await arrive("//4=", { encoding: "base64" })).toEqual({ kept: "(no text)" });
    expect(await list({})).toHaveLength(2);
  });

  test("hostile or huge is kept within bounds", async () => {
    const bodies = [
      "",
      "[]",
      "null",
      '{"title":7,"subject":{}}',
      `{"title":"${"x".repeat(100_000)}"}`,
      "\u0000\ud800".toWellFormed(),
    ];
    for (const body of bodies) await arrive(body);
    const found = await list({});
    expect(found).toHaveLength(bodies.length);
    expect(Math.max(...found.map(({ subject }) => subject.length))).toBeLessThan(200);
  });
});

test("drops what is older than 30 days, by itself", async () => {
  await arrive("old", { receivedAt: new Date(Date.now() - 31 * 24 * HOUR).toISOString() });
  await arrive("new");
  await inbox.call(partCall("schedule"), { dueAt: new Date().toISOString(), missed: 0 }, { storage });
  expect((await list({ day: "all" })).map(({ subject }) => subject)).toEqual(["new"]);
});
