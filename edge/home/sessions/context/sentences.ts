/** Where a sentence ends: at a line's end, behind Chinese marks, and behind Latin ones that are followed by a space. */
const END = /(?<=[。！？])|(?<=[.!?]["')\]]?)\s+|\n+/u;

/** A text as its sentences, in order, without empty ones. */
export function sentencesOf(text: string): string[] {
  return text
    .split(END)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}
