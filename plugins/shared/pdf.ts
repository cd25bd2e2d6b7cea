import { extractText, getDocumentProxy } from "unpdf";

/** The text of each page. Throws RangeError for what is no PDF, is locked, or has no text in it. */
export async function pdfPages(bytes: Uint8Array, mostPages: number): Promise<{ pages: string[]; total: number }> {
  const document = await getDocumentProxy(new Uint8Array(bytes)).catch((error: unknown) => {
    const isLocked = error instanceof Error && error.name === "PasswordException";
    throw new RangeError(isLocked ? "The PDF is locked by a password." : "The file is not a PDF, or is damaged.", {
      cause: error,
    });
  });
  if (document.numPages > mostPages)
    throw new RangeError(`The PDF has ${document.numPages} pages; at most ${mostPages} are read. Split it.`);
  const { text } = await extractText(document, { mergePages: false });
  if (text.every((page) => page.trim() === ""))
    throw new RangeError("The PDF has pictures of pages and no text. Have it read by OCR first.");
  return { pages: text, total: document.numPages };
}
