import { afterAll, describe, expect, test } from "vitest";
import { firstParty } from "../support/first-party.ts";
import { picked } from "../support/picked-files.ts";

const csv = await firstParty("csv");
afterAll(async () => await csv.stop());

const SALES = `Sales of the year;;;
City;Item;Amount;Price
Köln;"Lamp; red";2;"1.234,50"
Paris;Lamp, green;3;10,00
Köln;"A ""rope""
of two lines";1;€ 5,25

Paris;Rope;;(4,75)
`;

describe("csv", () => {
  test("tells what is in a messy table: a title over it, quotes, decimal commas, empty lines", async () => {
    expect(await csv.call("columns", { text: SALES })).toEqual({
      rows: 4,
      columns: [
        { name: "City", type: "text", empty: 0, different: 2, examples: ["Köln", "Paris"] },
        { name: "Item", type: "text", empty: 0, different: 4, examples: expect.arrayContaining(["Lamp; red"]) },
        { name: "Amount", type: "number", empty: 1, min: 1, max: 3, mean: 2 },
        { name: "Price", type: "number", empty: 0, min: -4.75, max: 1234.5, mean: 311.25 },
      ],
      truncated: false,
    });
  });

  test.each([
    [
      { what: "sum", column: "Price" },
      { value: 1245, rows: 4 },
    ],
    [
      { what: "sum", column: "price", where: "city = köln" },
      { value: 1239.75, rows: 2 },
    ],
    [{ what: "count", where: "Price >= 10" }, { value: 2 }],
    [{ what: "median", column: "Amount" }, { value: 2 }],
    [{ where: "Item contains lamp and Amount > 2" }, { value: 1 }],
    [{ where: 'Item = "lamp, green"' }, { value: 1 }],
    [{ where: "Amount is empty" }, { value: 1 }],
    [{ where: "Amount is not empty and City != Paris" }, { value: 2 }],
    [
      { what: "max", column: "Price", by: "City" },
      {
        groups: [
          { group: "Köln", rows: 2, value: 1234.5 },
          { group: "Paris", rows: 2, value: 10 },
        ],
      },
    ],
  ])("summarizes %o", async (input, expected) => {
    expect(await csv.call("summarize", { text: SALES, ...input })).toMatchObject(expected);
  });

  test.each([
    [{ where: "Colour = red" }, /There is no column 'Colour'. There are 'City', 'Item'/],
    [{ where: "which are red" }, /no condition. Write: COLUMN = VALUE/],
    [{ what: "mean", column: "City" }, /holds no numbers/],
    [{ what: "mean" }, /Say in 'column'/],
    [{ text: " \n\n" }, /The table is empty/],
  ])("says the way out of %o", async (input, message) => {
    await expect(csv.call("summarize", { text: SALES, ...input })).rejects.toThrow(message);
  });

  test("gives rows: sorted, some columns, in parts", async () => {
    expect(
      await csv.call("rows", { text: SALES, sort: "Price", descending: true, columns: "Item, Price", limit: 2 }),
    ).toEqual({
      columns: ["Item", "Price"],
      rows: [
        ["Lamp; red", "1.234,50"],
        ["Lamp, green", "10,00"],
      ],
      count: 4,
      truncated: true,
      next_start: 2,
    });
    const wide = `a,b\n${`${"x".repeat(150)},1\n`.repeat(200)}`;
    const part = await csv.call("rows", { text: wide, limit: 100 });
    expect(JSON.stringify(part).length).toBeLessThan(7_000);
    expect(part).toMatchObject({ count: 200, truncated: true });
  });

  test.each([
    [
      "GB18030",
      new Uint8Array([0xb3, 0xc7, 0xca, 0xd0, 44, 0xbc, 0xdb, 0xb8, 0xf1, 10, 0xb1, 0xb1, 0xbe, 0xa9, 44, 49, 50, 10]),
    ],
    ["UTF-8 with a BOM", "\ufeff城市,价格\n北京,12\n"],
    ["Excel's own", "sep=;\r\n城市;价格\r\n北京;12\r\n"],
    ["tabs", "城市\t价格\n北京\t12\n"],
  ])("reads %s", async (_, content) => {
    const files = picked([{ name: "a.csv", content }]);
    expect(await csv.call("rows", { where: "城市 = 北京" }, { files })).toMatchObject({
      columns: ["城市", "价格"],
      rows: [["北京", "12"]],
    });
  });

  test("keeps codes as texts, and tells of cells that are no numbers", async () => {
    const text = "code,n\n007,1\n008,2\n010,x\n";
    expect(await csv.call("columns", { text })).toMatchObject({
      columns: [{ name: "code", type: "text" }, { type: "text" }],
    });
    expect(await csv.call("summarize", { text, what: "sum", column: "n" })).toMatchObject({
      value: 3,
      rows: 3,
      numbers: 2,
    });
  });

  test("names columns that are twice there or nameless, and tables without a header", async () => {
    expect(await csv.call("rows", { text: "a,a,\n1,2,3\n" })).toMatchObject({ columns: ["a", "a (2)", "column 3"] });
    expect(await csv.call("rows", { text: "1,2\n3,4\n", header: false })).toMatchObject({
      rows: [
        ["1", "2"],
        ["3", "4"],
      ],
    });
  });

  test("holds 200,000 rows, and refuses what is no table", async () => {
    const rows = Array.from({ length: 200_000 }, (_, index) => `${index},${index % 7},"text ${index}"`);
    const big = picked([{ name: "big.csv", content: `id,day,words\n${rows.join("\n")}` }]);
    expect(await csv.call("summarize", { what: "sum", column: "id", by: "day" }, { files: big })).toMatchObject({
      rows: 200_000,
      count: 7,
    });
    const commas = picked([{ name: "c.csv", content: ",".repeat(9_000_000) }]);
    await expect(csv.call("columns", {}, { files: commas })).rejects.toThrow(/more than 3 million cells|empty/);
    const quotes = picked([{ name: "q.csv", content: `a,b\n${'"'.repeat(2_000_001)}` }]);
    await csv.call("columns", {}, { files: quotes }).catch(() => undefined);
    expect(await csv.call("summarize", { text: "a\n1\n" })).toMatchObject({ value: 1 });
  });
});
