import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { chunkText } from "../../plugins/library/chunks.ts";
import { addFiles } from "../../plugins/library/library.ts";
import { loadCatalogue } from "../../plugins/library/store.ts";
import { wordsOf } from "../../plugins/shared/words.ts";
import type { PluginStorage } from "../../shared/plugin/index.ts";
import { partCall } from "../../shared/plugin/parts.ts";
import { firstParty } from "../support/first-party.ts";
import { memoryKeyValues } from "../support/memory-key-values.ts";
import { picked } from "../support/picked-files.ts";
import { smallPdf } from "../support/small-pdf.ts";

const library = await firstParty("library");
afterAll(async () => await library.stop());

type Files = Parameters<typeof picked>[0];
interface Passages {
  passages: { document: string; place: string; passage: number; text: string }[];
  count: number;
  truncated: boolean;
}
function shelf(): {
  storage: ReturnType<typeof memoryKeyValues>;
  add: (files: Files) => Promise<{ files: { name: string; passages?: number; problem?: string }[] }>;
  search: (query: string, rest?: object) => Promise<Passages>;
  call: (tool: string, input: object) => Promise<unknown>;
} {
  const storage = memoryKeyValues();
  return {
    storage,
    add: async (files) =>
      (await library.call("add", {}, { storage, files: picked(files) })) as { files: { name: string }[] },
    search: async (query, rest = {}) => (await library.call("search", { query, ...rest }, { storage })) as Passages,
    call: async (tool, input) => await library.call(tool, input, { storage }),
  };
}

const WARRANTY =
  "# Lamp\n\nThe lamp burns oil.\n\n## Warranty\n\nThe lamp is repaired free of charge for two years. Wicks are not covered.\n\n## Care\n\nClean the glass weekly.\n";
const CHINESE =
  "# 使用说明\n\n## 保修\n\n本产品保修期为两年，电池不在保修范围内。\n\n## 清洁\n\n请每周用软布擦拭玻璃罩。\n";

describe("search", () => {
  test("finds passages with their document and place", async () => {
    const { add, search, call } = shelf();
    expect(await add([{ name: "lamp.md", content: WARRANTY }])).toEqual({ files: [{ name: "lamp.md", passages: 3 }] });
    const { passages } = await search("How long is the warranty?");
    expect(passages[0]).toEqual({
      document: "lamp.md",
      place: "line 5, Lamp › Warranty",
      passage: 2,
      text: "## Warranty\n\nThe lamp is repaired free of charge for two years. Wicks are not covered.",
    });
    const asked = { query: "How long is the warranty?", most: 1 };
    expect(await call(partCall("knowledge"), asked)).toMatchObject({
      passages: [{ title: "lamp.md, line 5, Lamp › Warranty" }],
    });
    expect((await search("waranty")).passages[0]?.passage).toBe(2); // misspelt
    expect((await search("wick")).passages[0]?.passage).toBe(2);
  });

  test("finds Chinese by its words", async () => {
    const { add, search } = shelf();
    await add([
      { name: "说明书.md", content: CHINESE },
      { name: "lamp.md", content: WARRANTY },
    ]);
    expect((await search("保修期多久")).passages[0]).toMatchObject({
      document: "说明书.md",
      place: "line 3, 使用说明 › 保修",
    });
    expect((await search("怎么清洁玻璃")).passages[0]).toMatchObject({ place: "line 7, 使用说明 › 清洁" });
  });

  test("names the page of a PDF", async () => {
    const { add, search } = shelf();
    const pages = ["Chapter one is about ships.", "Chapter two is about (lighthouses) and lamps.", "The end."];
    expect(await add([{ name: "book.pdf", content: smallPdf(pages), type: "application/pdf" }])).toEqual({
      files: [{ name: "book.pdf", passages: 3 }],
    });
    expect((await search("lighthouse")).passages).toEqual([
      { document: "book.pdf", place: "page 2", passage: 2, text: "Chapter two is about (lighthouses) and lamps." },
    ]);
  });

  test("reads HTML as what is to be read of it", async () => {
    const { add, search } = shelf();
    const content =
      "<html><head><title>x</title><script>secret()</script></head><body><h2>Opening hours</h2><p>From nine to five.</p></body></html>";
    await add([{ name: "page.html", content }]);
    expect((await search("opening hours")).passages[0]).toMatchObject({ place: "line 1, Opening hours" });
    await expect(search("secret")).rejects.toThrow(/Nothing in the library/);
  });

  test("keeps to one document, and to so many passages", async () => {
    const { add, search } = shelf();
    const paragraphs = Array.from(
      { length: 200 },
      (_, index) => `# Part ${index}\n\nAll about lamps and oil, number ${index}.\n`,
    );
    await add([
      { name: "long.md", content: paragraphs.join("\n") },
      { name: "lamp.md", content: WARRANTY },
    ]);
    expect(await search("lamp", { limit: 2 })).toMatchObject({ count: 203, truncated: true });
    const { passages } = await search("lamp", { document: "LAMP" });
    expect(new Set(passages.map(({ document }) => document))).toEqual(new Set(["lamp.md"]));
    expect((await search("number 137")).passages[0]?.text).toContain("number 137");
    await expect(search("lamp", { document: "no.md" })).rejects.toThrow(/There are: 'long.md', 'lamp.md'/);
  });

  test("answers questions about a real text", async () => {
    const { add, search } = shelf();
    const content = await readFile(new URL("../../LICENSE", import.meta.url), "utf8");
    await add([{ name: "LICENSE", content }]);
    for (const [query, wanted] of [
      ["patent litigation terminates", /patent litigation/],
      ["trademarks of the licensor", /trade names, trademarks/],
      ["what is a derivative work", /"Derivative Works" shall mean/],
      ["liable for damages", /liable to You for damages/],
    ] as const) {
      const { passages } = await search(query, { limit: 3 });
      expect(passages.map(({ text }) => text.replace(/\s+/g, " ")).join("\n")).toMatch(wanted);
    }
  });
});

describe("a library", () => {
  test("lists, reads on, replaces and removes", async () => {
    const { storage, add, search, call } = shelf();
    await add([{ name: "lamp.md", content: WARRANTY }]);
    expect(await call("list", {})).toMatchObject({ documents: [{ name: "lamp.md", passages: 3 }], count: 1 });
    expect(await call("read", { document: "lamp", passage: 2, count: 1 })).toMatchObject({
      passages: [{ passage: 2 }],
      of: 3,
      truncated: true,
    });
    expect(await add([{ name: "copy.md", content: WARRANTY }])).toEqual({
      files: [{ name: "copy.md", problem: "It is there already, as 'lamp.md'." }],
    });
    await add([{ name: "lamp.md", content: "Now it is electric." }]);
    expect(await search("electric")).toMatchObject({ count: 1 });
    await expect(search("warranty")).rejects.toThrow(/Nothing/);
    expect(await call("remove", { document: "lamp.md" })).toEqual({ removed: "lamp.md" });
    await expect(search("electric")).rejects.toThrow(/The library is empty/);
    expect([...storage.values.keys()].filter((key) => key.startsWith("chunks/"))).toEqual([]);
  });

  test("is told apart from another person's, in the same isolate", async () => {
    const [one, other] = [shelf(), shelf()];
    await one.add([{ name: "a.md", content: "The code word is swordfish." }]);
    await other.add([{ name: "b.md", content: "Nothing of note." }]);
    expect(await one.search("swordfish")).toMatchObject({ count: 1 });
    await expect(other.search("swordfish")).rejects.toThrow(/Nothing/);
  });

  test("keeps all of what several calls add at the same time", async () => {
    const values = memoryKeyValues();
    const storage: PluginStorage = {
      ...values,
      set: async (key, value) =>
        await values.set(key, new Uint8Array(typeof value === "string" ? new TextEncoder().encode(value) : value), 1e9),
    };
    const names = ["a.md", "b.md", "c.md", "d.md"];
    await Promise.all(
      names.map(async (name) => {
        const files = picked([{ name, content: `text of ${name}` }]);
        await addFiles(storage, files, await files.list(), async () => undefined);
      }),
    );
    const { documents } = await loadCatalogue(storage);
    expect(documents.map(({ name }) => name).toSorted()).toEqual(names);
  });

  test("tells each file that it cannot take, and takes the others", async () => {
    const { add, search } = shelf();
    const { files } = await add([
      { name: "a.docx", content: "PK" },
      { name: "bad.pdf", content: "%PDF-1.7 and nothing more" },
      { name: "empty.txt", content: " \n " },
      { name: "binary.dat", content: new Uint8Array(100) },
      { name: "deep.html", content: `<html><body>${"<div>".repeat(50_000)}` },
      { name: "scan.pdf", content: smallPdf(["", ""]) },
      { name: "good.txt", content: "A good text." },
    ]);
    expect(files.map(({ problem }) => problem?.slice(0, 34))).toEqual(
      [
        "'a.docx' is not read here: texts, M",
        "The file is not a PDF, or is damag",
        "There is no text in it.",
        "'binary.dat' is not read here: tex",
        expect.stringMatching(/too deep|stack/),
        "The PDF has pictures of pages and ",
        undefined,
      ].map((problem) => (typeof problem === "string" ? problem.slice(0, 34) : problem)),
    );
    expect(await search("good")).toMatchObject({ count: 1 });
  });

  test("without files, storage or documents says what to do", async () => {
    await expect(library.call("add", {}, { storage: memoryKeyValues(), files: picked([]) })).rejects.toThrow(
      /Ask the user to attach/,
    );
    expect(await library.call(partCall("knowledge"), { query: "x", most: 5 }, {})).toEqual({ passages: [] });
    await expect(library.call("search", { query: "x" }, {})).rejects.toThrow(/The user can allow it/);
    await expect(library.call("search", { query: "x" }, { storage: memoryKeyValues() })).rejects.toThrow(
      /The library is empty/,
    );
  });

  test("that is full stays as it was", async () => {
    const { storage, add, search } = shelf();
    await add([{ name: "a.md", content: WARRANTY }]);
    const full = { ...storage, set: async () => await Promise.reject(new RangeError("The plugin's storage is full.")) };
    const answer = await library.call(
      "add",
      {},
      { storage: full, files: picked([{ name: "b.md", content: "new words" }]) },
    );
    expect(answer).toEqual({ files: [{ name: "b.md", problem: "The plugin's storage is full." }] });
    expect(await search("warranty")).toMatchObject({ count: 1 });
  });

  test("of a megabyte of text is added and searched in seconds", async () => {
    const { add, search } = shelf();
    const words = Array.from({ length: 5_000 }, (_, index) => `word${(index * 7919) % 5_000}`);
    const content = Array.from(
      { length: 150_000 },
      (_, index) => `${words[(index * 31) % 5_000]}${index % 12 === 11 ? ".\n" : ""}`,
    ).join(" ");
    const from = performance.now();
    await add([{ name: "big.txt", content }]);
    expect((await search("word4321")).count).toBeGreaterThan(10);
    expect(performance.now() - from).toBeLessThan(20_000);
  });
});

test("no passage is longer than a small context takes, and none is lost", () => {
  for (const text of [
    "x".repeat(10_000),
    "One. ".repeat(3_000),
    "一句话。".repeat(3_000),
    "line\n".repeat(3_000),
    "\n\n\n",
    "# \n## \n",
  ]) {
    const chunks = chunkText(text);
    expect(Math.max(0, ...chunks.map((chunk) => chunk.text.length))).toBeLessThan(1_200);
    expect(
      chunks
        .map((chunk) => chunk.text)
        .join("")
        .replace(/\s/g, ""),
    ).toBe(text.replace(/\s/g, ""));
  }
});

test("words of all scripts", () => {
  expect(wordsOf("The user's 3 Lamps, naïve")).toEqual(["the", "user's", "3", "lamps", "naïve"]);
  expect(wordsOf("保修期为2年 A区 いろは")).toEqual(["保修", "修期", "期为", "2", "年", "a", "区", "いろ", "ろは"]);
});
