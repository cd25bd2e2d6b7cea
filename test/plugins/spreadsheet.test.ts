import { readFile } from "node:fs/promises";
import { crc32, deflateRawSync } from "node:zlib";
import { utils, write } from "@e965/xlsx";
import { afterAll, describe, expect, test } from "vitest";
import { firstParty } from "../support/first-party.ts";
import { picked } from "../support/picked-files.ts";

const spreadsheet = await firstParty("spreadsheet");
afterAll(async () => await spreadsheet.stop());

/** Written by openpyxl: a merged title, dates, a formula without a value, a hidden and an empty sheet, a cell in the last row there is. */
const SALES = new Uint8Array(await readFile(new URL("../vectors/plugins/sales.xlsx", import.meta.url)));
const sales = { files: picked([{ name: "sales.xlsx", content: SALES }]) };

/** A zip of these files; `says` is what it claims that each has unpacked. */
function zip(files: Record<string, string | Uint8Array>, says?: number): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    const packed = deflateRawSync(bytes);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(says ?? bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), fields, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\0", "latin1"), fields, rest, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return new Uint8Array(Buffer.concat([...parts, central, end]));
}

/** A workbook of one sheet, whose inside is this XML. */
function workbook(sheet: string, says?: number): Uint8Array {
  const office = "http://schemas.openxmlformats.org";
  const files = {
    "[Content_Types].xml": `<Types xmlns="${office}/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`,
    "_rels/.rels": `<Relationships xmlns="${office}/package/2006/relationships"><Relationship Id="r1" Type="${office}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    "xl/workbook.xml": `<workbook xmlns="${office}/spreadsheetml/2006/main" xmlns:r="${office}/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships xmlns="${office}/package/2006/relationships"><Relationship Id="r1" Type="${office}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
    "xl/worksheets/sheet1.xml": `<worksheet xmlns="${office}/spreadsheetml/2006/main">${sheet}</worksheet>`,
  };
  return zip(files, says);
}

describe("spreadsheet", () => {
  test("lists sheets", async () => {
    expect(await spreadsheet.call("sheets", {}, sales)).toEqual({
      sheets: [
        { name: "Sales 2026", rows: 5 },
        { name: "Hidden", rows: 2, hidden: true },
        { name: "Empty", rows: 0 },
        { name: "Far", rows: 2, truncated: true },
      ],
      count: 4,
      truncated: false,
    });
  });

  test("reads what another program wrote: dates, numbers, truth values, below a title", async () => {
    expect(
      await spreadsheet.call("rows", { where: "Paid = true", sort: "Day", descending: true }, sales),
    ).toMatchObject({
      sheet: "Sales 2026",
      columns: ["Day", "City", "Amount", "Price", "Paid"],
      rows: [
        ["2026-03-07", "Köln", null, "n/a", true],
        ["2026-01-05", "Köln", 2, 1234.5, true],
      ],
      count: 2,
    });
    expect(await spreadsheet.call("rows", { where: "City = 北京", columns: "Day" }, sales)).toMatchObject({
      rows: [["2026-02-06 13:30:00"]],
    });
    expect(await spreadsheet.call("summarize", { what: "sum", column: "Price", by: "City" }, sales)).toMatchObject({
      groups: [
        { group: "Köln", rows: 2, value: 1234.5, numbers: 1 },
        { group: "北京", rows: 1, value: 10 },
      ],
    });
    expect(await spreadsheet.call("columns", { sheet: "hidden" }, sales)).toMatchObject({ sheet: "Hidden", rows: 1 });
  });

  test.each(["xlsx", "xlsb", "biff8", "ods"] as const)("reads %s", async (bookType) => {
    const book = utils.book_new();
    utils.book_append_sheet(
      book,
      utils.aoa_to_sheet([
        ["城市", "n"],
        ["北京", 1.5],
        ["Köln", 2],
      ]),
      "数据",
    );
    const content = new Uint8Array(write(book, { type: "array", bookType }) as ArrayBuffer); // what type "array" gives
    const files = picked([{ name: "a", content }]);
    expect(await spreadsheet.call("rows", { sheet: "数据" }, { files })).toMatchObject({
      columns: ["城市", "n"],
      rows: [
        ["北京", 1.5],
        ["Köln", 2],
      ],
    });
  });

  test.each([
    ["a CSV", new TextEncoder().encode("a,b\n1,2\n"), /For CSV use the CSV tools/],
    ["half a workbook", SALES.slice(0, 3_000), /damaged/],
    ["another zip", zip({ "a.txt": "hello" }), /no spreadsheet|no sheets/],
    ["one that says it has gigabytes", workbook("<sheetData/>", 4_000_000_000), /Unpacked, the file has 20000 MB/],
    ["an empty one", workbook("<sheetData/>"), /All sheets are empty/],
  ])("refuses %s in words", async (_, content, message) => {
    await expect(spreadsheet.call("columns", {}, { files: picked([{ name: "x", content }]) })).rejects.toThrow(message);
  });

  test("is not led astray by what a sheet says of its size, nor by a cell far away", async () => {
    const cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>';
    const vast = picked([
      { name: "v", content: workbook(`<dimension ref="A1:XFD1048576"/><sheetData>${cells}</sheetData>`) },
    ]);
    expect(await spreadsheet.call("rows", {}, { files: vast })).toMatchObject({ columns: ["1"], rows: [[2]] });
    const far = picked([
      { name: "f", content: workbook('<sheetData><row r="5"><c r="XFD5"><v>1</v></c></row></sheetData>') },
    ]);
    await expect(spreadsheet.call("rows", {}, { files: far })).rejects.toThrow(/beyond column 1000/);
  });

  test("a bomb that lies of its size costs its call alone", async () => {
    const bomb = workbook(`<sheetData>${" ".repeat(400_000_000)}</sheetData>`, 1_000);
    expect(bomb.length).toBeLessThan(1_000_000);
    await expect(spreadsheet.call("rows", {}, { files: picked([{ name: "b", content: bomb }]) })).rejects.toThrow();
    expect(await spreadsheet.call("rows", { limit: 1 }, sales)).toMatchObject({ count: 3 });
  });
});
