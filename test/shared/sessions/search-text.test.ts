import { describe, expect, it } from "vitest";
import { searchQuery, searchText, snippetOf } from "../../../shared/sessions/search-text.ts";

describe("text for an index of words", () => {
  it("has runs without spaces as pairs of characters, and the rest as it is", () => {
    expect(searchText("Plain words.")).toBe("Plain words.");
    expect(searchText("去北京").trim()).toBe("去北 北京 京");
    expect(searchText("用TypeScript写").trim().split(/\s+/)).toEqual(["用", "TypeScript", "写"]);
    expect(searchText("ひらがな漢字").trim().split(/\s+/)).toHaveLength(6);
    // Beyond the basic plane a character has two units.
    expect(searchText("𠀀𠀁").trim()).toBe("𠀀𠀁 𠀁");
  });
});

describe("a query", () => {
  it("asks for all words, the last as a beginning", () => {
    expect(searchQuery("two  Words")).toBe('"two" AND "Words"*');
    expect(searchQuery("北京 烤鸭店")).toBe('"北京" AND "烤鸭 鸭店"*');
    expect(searchQuery("店")).toBe('"店"*');
    expect(searchQuery("读book")).toBe('"读"* AND "book"*');
  });

  it("is nothing where there is no word, and never syntax", () => {
    for (const typed of ["", "  ", '"*()', "🙂"]) expect(searchQuery(typed)).toBeUndefined();
    expect(searchQuery('a" OR "b')).toBe('"a" AND "OR" AND "b"*');
    expect(searchQuery("NEAR(a)")).toBe('"NEAR" AND "a"*');
  });
});

describe("a snippet", () => {
  const long = `${"before ".repeat(50)}the needle is here ${"after ".repeat(50)}`;

  it("is the part around what was looked for", () => {
    const snippet = snippetOf(long, "needle", 80);
    expect(snippet).toContain("needle");
    expect(snippet.length).toBeLessThanOrEqual(82);
    expect(snippet).toMatch(/^….*…$/);
    expect(snippetOf("short\n text", "x", 80)).toBe("short text");
    expect(snippetOf(long, "absent", 40)).toMatch(/^before /);
  });

  it("cuts no character in two", () => {
    for (let size = 10; size < 40; size++) {
      const snippet = snippetOf(`${"🙂".repeat(40)} needle ${"🙂".repeat(40)}`, "needle", size);
      expect(snippet).toBe(new TextDecoder().decode(new TextEncoder().encode(snippet)));
    }
  });
});
