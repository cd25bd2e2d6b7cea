import { factOf, listBelow } from "./fact-text.ts";

const LEAST_CHARACTERS = 4;

const OPENING = String.raw`(?:(?:hi|hello|hey|ok|okay|oh|also|and|so|now|first|btw|by the way|one more thing)(?: there)?\b[,.!:]?\s+)*`;
const POLITE = String.raw`(?:(?:please|pls|kindly)\b[,:]?\s+|(?:can|could|would|will) you (?:please )?|(?:i(?:'d| would) like|i (?:want|need)) you to |from now on,? )*`;
const VERB = String.raw`(?:(?:always )?remember|(?:do not|don't|never) forget|keep in mind|make a note|take note|memori[sz]e)`;
/** `link` says how the wish goes over to what it is about. */
const WISH = new RegExp(
  String.raw`^${OPENING}(?<polite>${POLITE})${VERB}(?<link>(?:,? (?:this|that|the following|these(?: facts| things)?|one thing|something|of this))? ?:|, | that\b| to (?=always|never)| )`,
  "i",
);
/** Somebody speaks of themselves: the sign of a fact where no "that" or colon says so. */
const OF_ONESELF = /^(?:i|i'm|i've|i'd|i'll|my|mine|we|we're|we've|our|ours)\b/i;
/** "My birthday is in May" says something; "my name" does not. */
const NOTHING_SAID =
  /^(?:my|mine|our|ours)\b(?!.*(?:\b(?:is|are|was|were|isn't|aren't|has|have|had|will|can|can't|cannot|does|doesn't|did|should|must|likes?|loves?|hates?|lives?|works?|needs?|goes|speaks?|starts?|ends?|expires?|comes?|means)\b|=|:))/i;
/** "Remember that time we...": not "that", but "that time". */
const RECALL =
  /^(?:(?:(?:one|old|other|first|last|great|funny) )?(?:time|day|night|morning|evening|weekend|summer|winter|spring|autumn|fall|year|week|trip|holiday|song|movie|film|book|guy|girl|man|woman|person|place|one|joke|story|party|game|scene|episode|show|thing|conversation|moment)\b(?! is\b| was\b)|for\b|(?:i|we)(?:'ve| have| had)? (?:just )?(?:told|said|asked|mentioned|showed|shown|sent|gave|talked|discussed|spoke|met|went|used to)\b|you(?:'re| are| were| said| told| promised| once)\b|(?:what|when|how|why|where|who|which|if|whether)\b)/i;
/** What holds for a task, not for a person. */
const FOR_NOW =
  /\b(?:in|for|of) (?:this|the) (?:exercise|task|problem|question|story|game|code|function|file|essay|text|chapter|conversation|chat|puzzle|example|scenario)\b/i;
const AFTERWARDS =
  /^(?<before>[^]*?)(?:[.!;,]|,? and| -| —)\s+(?:(?:so|and|please|pls|always),? )*(?:remember (?:that|this|it)|(?:do not|don't|never) forget (?:that|this|it)|keep (?:that|this|it) in mind|make a note of (?:that|this|it))(?:,? (?:please|ok|okay|for (?:later|next time|me|the future)))?\s*[.!]*$/i;
const ABBREVIATION = /(?:^|[\s(])(?:dr|mr|mrs|ms|prof|st|jr|sr|no|vs|etc|approx|ca|e\.g|i\.e|a\.m|p\.m|u\.s|[a-z])\.$/i;

/** What an English message asks to have remembered; see `rememberedFact`. */
export function rememberedEnglish(message: string): string | undefined {
  const wish = WISH.exec(message);
  return wish ? wished(wish, message) : asked(message);
}

function wished(wish: RegExpExecArray, message: string): string | undefined {
  const { polite = "", link = "" } = wish.groups ?? {};
  const rest = message.slice(wish[0].length);
  const isColon = link.endsWith(":");
  if (isColon && /^\s*\n/.test(rest)) return factOf(listBelow(rest) ?? firstSentence(rest.trim()), LEAST_CHARACTERS);
  const said = withoutPlease(firstSentence(rest.trim()));
  if (!isColon && (RECALL.test(said) || FOR_NOW.test(said) || NOTHING_SAID.test(said))) return undefined;
  if (!isColon && !/ (?:that|to )$/i.test(link) && !OF_ONESELF.test(said)) return undefined;
  if (!said.endsWith("?")) return factOf(said, LEAST_CHARACTERS);
  // "Can you remember that I'm vegan?" is a wish; what other questions are about is not known yet.
  const isWish = /\byou /i.test(polite) && / that$/i.test(link) && OF_ONESELF.test(said);
  return isWish ? factOf(said.replace(/\?+$/, ""), LEAST_CHARACTERS) : undefined;
}

/** "My dog is called Rex. Remember that." */
function asked(message: string): string | undefined {
  const before = AFTERWARDS.exec(message)?.groups?.["before"];
  const last = before === undefined ? "" : (sentences(before).at(-1) ?? "");
  return OF_ONESELF.test(last) && !last.endsWith("?") && !RECALL.test(last)
    ? factOf(last, LEAST_CHARACTERS)
    : undefined;
}

const firstSentence = (text: string): string => sentences(text)[0] ?? "";

/** What somebody adds for the tone: "..., please", "..., ok?". */
const withoutPlease = (text: string): string =>
  text.replace(/(?:,? (?:please|thanks|thank you)[.!]*|, (?:ok|okay|alright|will you|please)[.!?]*)$/i, "");

/** Cuts where a sentence or a line ends; "Dr. Smith" is no end. */
function sentences(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  for (const { index, 0: end } of text.matchAll(/[.!?]+(?=\s|$)|\n/g)) {
    const upTo = index + end.length;
    if (end === "." && ABBREVIATION.test(text.slice(start, upTo)) && upTo < text.length) continue;
    found.push(text.slice(start, upTo));
    start = upTo;
  }
  found.push(text.slice(start));
  return found.map((one) => one.trim()).filter((one) => one !== "");
}
