import { fromHtml } from "hast-util-from-html";
import { refuseHuge } from "../shared/html-size.ts";
import { treeToMarkdown } from "../shared/markdown.ts";
import { pdfPages } from "../shared/pdf.ts";
import { decodeText } from "../shared/text.ts";
import { type Chunk, chunkPages, chunkText } from "./chunks.ts";

const MOST_PAGES = 1_500;
const MOST_CHARACTERS = 8_000_000;
const HTML = /\.x?html?$/i;
const UNREAD = /\.(?:docx?|xlsx?|pptx?|odt|ods|odp|zip|gz|png|jpe?g|gif|webp|mp[34]|epub)$/i;

/** A file's passages. Throws RangeError for a kind that is not read here. */
export async function readChunks({ name, type }: { name: string; type: string }, bytes: Uint8Array): Promise<Chunk[]> {
  if (isPdf(bytes)) return chunkPages((await pdfPages(bytes, MOST_PAGES)).pages);
  if (UNREAD.test(name) || bytes.subarray(0, 1_000).includes(0))
    throw new RangeError(
      `'${name}' is not read here: texts, Markdown, HTML, CSV and PDF are. Save it as one of these.`,
    );
  const text = decodeText(bytes).slice(0, MOST_CHARACTERS);
  const isHtml = HTML.test(name) || type === "text/html";
  if (isHtml) refuseHuge(text);
  return chunkText(isHtml ? treeToMarkdown(fromHtml(text, { fragment: false }), { links: false }) : text);
}

function isPdf(bytes: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(bytes.subarray(0, 1_024)).includes("%PDF-");
}
