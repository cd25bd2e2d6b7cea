import { afterAll, describe, expect, test } from "vitest";
import { decodeText } from "../../plugins/shared/text.ts";
import { firstParty } from "../support/first-party.ts";
import { picked } from "../support/picked-files.ts";

const regex = await firstParty("regex");
afterAll(async () => await regex.stop());
const LOG = "2026-11-23 10:00:01 INFO ada@example.com logged in\n2026-11-23 10:00:02 WARN bob@example.org failed\n";

describe("find", () => {
  test("gives matches with groups and lines", async () => {
    const pattern = "(?<user>\\w+)@(?<host>[\\w.]+)";
    expect(await regex.call("find", { pattern, text: LOG })).toEqual({
      matches: [
        { match: "ada@example.com", groups: { user: "ada", host: "example.com" }, line: 1 },
        { match: "bob@example.org", groups: { user: "bob", host: "example.org" }, line: 2 },
      ],
      count: 2,
      truncated: false,
    });
  });

  test.each([
    ["^\\d{4}", ["2026", "2026"]],
    ["/info|warn/gi", ["INFO", "WARN"]],
    ["\\b\\d\\d:\\d\\d:\\d\\d\\b", ["10:00:01", "10:00:02"]],
    ["\\u0061da", ["ada"]],
    ["x?$", ["", "", ""]],
    ["nothing", []],
  ])("%s", async (pattern, matches) => {
    const found = (await regex.call("find", { pattern, text: LOG })) as { matches: { match: string }[] };
    expect(found.matches.map(({ match }) => match)).toEqual(matches);
  });

  test("knows letters of all scripts", async () => {
    const text = "订单号：A-1024，金额 ¥1,299.00；订单号：B-7，金额 ¥8.50";
    expect(await regex.call("find", { pattern: "订单号：(\\S+?)，金额 ¥([\\d,.]+)", text })).toMatchObject({
      matches: [{ groups: { "1": "A-1024", "2": "1,299.00" } }, { groups: { "1": "B-7", "2": "8.50" } }],
    });
    expect(await regex.call("find", { pattern: "\\p{Han}+", text, limit: 1 })).toMatchObject({
      matches: [{ match: "订单号" }],
      count: 4,
      truncated: true,
    });
  });

  test("takes a picked file, by name where there are several", async () => {
    const one = picked([{ name: "server.log", content: LOG }]);
    expect(await regex.call("find", { pattern: "WARN" }, { files: one })).toMatchObject({ count: 1 });
    const two = picked([
      { name: "a.txt", content: "a" },
      { name: "b.txt", content: "b" },
    ]);
    expect(await regex.call("find", { pattern: "b", file: "B.txt" }, { files: two })).toMatchObject({ count: 1 });
    await expect(regex.call("find", { pattern: "b" }, { files: two })).rejects.toThrow(/'a.txt', 'b.txt'/);
    await expect(regex.call("find", { pattern: "b", file: "c" }, { files: two })).rejects.toThrow(/no picked file 'c'/);
    await expect(regex.call("find", { pattern: "b" }, { files: picked([]) })).rejects.toThrow(/Ask the user to attach/);
  });

  test("reads what older Chinese programs wrote", async () => {
    const content = new Uint8Array([0xd6, 0xd0, 0xce, 0xc4, 0x31]); // GB 2312
    expect(
      await regex.call("find", { pattern: "\\p{Han}+" }, { files: picked([{ name: "old.txt", content }]) }),
    ).toMatchObject({
      matches: [{ match: "中文" }],
    });
  });

  test("cuts long matches and many of them, and says so", async () => {
    expect(await regex.call("find", { pattern: "a+", text: "a".repeat(10_000) })).toMatchObject({
      matches: [{ match: "a".repeat(500) }],
      truncated: true,
    });
    const many = (await regex.call("find", { pattern: "\\w+", text: "word ".repeat(50_000), limit: 200 })) as {
      matches: unknown[];
      count: number;
    };
    expect([many.matches.length, many.count]).toEqual([200, 50_000]);
  });
});

describe("patterns that hang other engines", () => {
  test.each([
    ["(a+)+$", `${"a".repeat(100_000)}!`],
    ["(a|aa)+$", `${"a".repeat(100_000)}!`],
    ["(.*)*x", "a".repeat(50_000)],
    ["(a?){50}a{50}", "a".repeat(50)],
    ["^(([a-z])+.)+[A-Z]([a-z])+$", "a".repeat(50_000)],
    ["(x+x+)+y", "x".repeat(50_000)],
  ])("%s", async (pattern, text) => {
    const from = performance.now();
    await regex.call("find", { pattern, text });
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  test.each([
    ["(", /not valid/],
    ["a(?=b)", /no look-ahead/],
    ["(a)\\1", /back-reference/],
    ["((a{1000}){1000}){1000}", /not valid|too large/],
    ["(".repeat(1_000) + ")".repeat(1_000), /not valid|too large/],
    ["[z-a]", /not valid/],
  ])("a bad pattern is refused in words (%#)", async (pattern, message) => {
    await expect(regex.call("find", { pattern, text: "aaa" })).rejects.toThrow(message);
  });
});

describe("replace", () => {
  test("fills in groups", async () => {
    const input = { pattern: "(\\d+)-(\\d+)-(\\d+)", replacement: "$3.$2.$1", text: LOG };
    expect(await regex.call("replace", input)).toMatchObject({
      text: LOG.replaceAll("2026-11-23", "23.11.2026"),
      count: 2,
      truncated: false,
    });
  });

  test("says when the result is cut, and refuses one without end", async () => {
    expect(await regex.call("replace", { pattern: "a", replacement: "bb", text: "a".repeat(20_000) })).toMatchObject({
      characters: 40_000,
      truncated: true,
    });
    const bomb = { replacement: "x".repeat(2_000), text: "a".repeat(90_000) };
    await expect(regex.call("replace", { ...bomb, pattern: "a" })).rejects.toThrow(/too large/);
    await expect(regex.call("replace", { ...bomb, pattern: ".+", replacement: "$&".repeat(1_000) })).rejects.toThrow(
      /too large/,
    );
  });
});

test("text is read as it was written", () => {
  expect(decodeText(new Uint8Array([0xd6, 0xd0, 0xce, 0xc4]))).toBe("中文");
  expect(decodeText(new Uint8Array([0x63, 0x61, 0x66, 0xe9]))).toBe("café");
  expect(decodeText(new Uint8Array([0xff, 0xfe, 0x61, 0x00]))).toBe("a");
  expect(decodeText(new TextEncoder().encode("naïve 中文"))).toBe("naïve 中文");
  expect(decodeText(new Uint8Array([0x82, 0xa0]), "shift_jis")).toBe("あ");
});
