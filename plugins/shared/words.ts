const segmenters = new Map<string, Intl.Segmenter>();

/** Words of a text in small letters, in the order they stand; Chinese and Japanese are taken apart as well. */
export function wordsOf(text: string): string[] {
  const locale = /\p{Script=Han}/u.test(text) ? "zh" : "en";
  if (locale === "en") return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}]+)?/gu) ?? [];
  const segmenter = segmenters.get(locale) ?? new Intl.Segmenter(locale, { granularity: "word" });
  segmenters.set(locale, segmenter);
  return Array.from(segmenter.segment(text.toLowerCase()))
    .filter(({ isWordLike }) => isWordLike === true)
    .map(({ segment }) => segment);
}
