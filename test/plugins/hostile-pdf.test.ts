import { deflateSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { firstParty } from "../support/first-party.ts";
import { picked } from "../support/picked-files.ts";
import { smallPdf } from "../support/small-pdf.ts";

const pdf = await firstParty("pdf-text");
afterAll(async () => await pdf.stop());

/** A PDF of these objects, without a table of where they stand: readers find them by themselves. */
function pdfOf(objects: readonly (string | Buffer)[]): Uint8Array {
  const parts = objects.flatMap((object, index) => [`${index + 1} 0 obj\n`, object, "\nendobj\n"]);
  const all = ["%PDF-1.4\n", ...parts, `trailer\n<</Size ${objects.length + 1}/Root 1 0 R>>\n%%EOF\n`];
  return new Uint8Array(Buffer.concat(all.map((part) => Buffer.from(part))));
}

const CATALOG = "<</Type/Catalog/Pages 2 0 R>>";
const FONT = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
const packed = deflateSync(Buffer.alloc(300_000_000, "BT (x) Tj ET "));
const BOMB = Buffer.concat([
  Buffer.from(`<</Length ${packed.length}/Filter/FlateDecode>>\nstream\n`),
  packed,
  Buffer.from("\nendstream"),
]);
const page = (contents: string): string =>
  `<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</Font<</F1 4 0 R>>>>/Contents ${contents}>>`;

test.each([
  ["pages that hold themselves", [CATALOG, "<</Type/Pages/Count 2/Kids[2 0 R 2 0 R]>>"]],
  ["a page whose parent is itself", [CATALOG, "<</Type/Pages/Count 1/Kids[3 0 R]/Parent 3 0 R>>", page("3 0 R"), FONT]],
  ["a billion pages that are not there", [CATALOG, "<</Type/Pages/Count 1000000000/Kids[]>>"]],
  ["300 MB in some hundred kB", [CATALOG, "<</Type/Pages/Count 1/Kids[3 0 R]>>", page("5 0 R"), FONT, BOMB]],
])("%s cost that call alone", { timeout: 60_000 }, async (_, objects) => {
  const content = pdfOf(objects);
  expect(content.length).toBeLessThan(2_000_000);
  const answer = pdf.call("read", {}, { files: picked([{ name: "x.pdf", content }]) });
  const text = await answer.then(JSON.stringify, String);
  expect(text.length).toBeLessThan(20_000);
  const good = { files: picked([{ name: "good.pdf", content: smallPdf(["Still here."]) }]) };
  expect(await pdf.call("read", {}, good)).toMatchObject({ pages: [{ text: "Still here." }] });
});
