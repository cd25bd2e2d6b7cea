import { factOf, listBelow } from "./fact-text.ts";

const LEAST_CHARACTERS = 2;

const OPENING =
  "(?:(?:好的?|嗯+|对了|另外|还有|你好|您好|哦|那|以后|今后|从现在(?:开始|起)|从今以后)[，,。！!、\\s]*)*";
const POLITE =
  "(?:请你?|请您|麻烦[你您]?|拜托[你您]?|劳烦[你您]?|[你您](?:要|得|需要|一定要)|我(?:想|要|希望)[你您]|希望[你您])";
/** `link`: a colon or comma behind it, or what makes the wish softer. */
const WISH = new RegExp(
  `^${OPENING}(?<polite>${POLITE}[，,\\s]*)?(?<help>帮我)?(?:一定要?|务必|永远|也|都|先)?` +
    "(?<verb>记住|记下来?|牢记|记一下|记得|别忘了?|不要忘(?:记|了)?|勿忘)(?:一下|好|了)?[啊哦哈呀]?(?<link>(?:以下(?:内容|几点|信息)?|这个|这些|这一?点|这件事|一件事)[：:，,]|[：:，,]|)\\s*",
  "u",
);
/** Somebody speaks of themselves, or of what shall hold from now on. */
const OF_ONESELF = /^(?:我|咱|本人|今后|以后|从现在|从今|每次|永远)/u;
/** What is known already, and is asked about. */
const RECALL =
  /^(?:我|我们|咱们?)?(?:上次|上回|之前|以前|昨天|前天|刚才|刚刚|曾经|小时候|当时|那(?:天|次|年|时|个时候)|第一次|跟你说过|说过|提过)/u;
/** "这些单词", without a word that says something of it. */
const POINTING = /^[这那][^是在有要叫]*$/u;
/** "我的名字", "今天的日期": a thing, and nothing said of it. */
const NOTHING_SAID = /^[^是叫在有为要会不没喜爱住姓等=：:，,]*的[^是叫在有为要会不没喜爱住姓等=：:，,]{1,8}$/u;
const QUESTION = /(?:[?？]|[吗么嘛呢])[。！!\s]*$/u;
const AFTERWARDS = new RegExp(
  `^(?<before>[^]*?)[。，,！!；;\\s]\\s*(?:${POLITE}[，,\\s]*|帮我|[你您]|一定要?|务必|也)*` +
    "(?:记住|记下来?|牢记|记一下|记好|别忘了?|不要忘(?:记|了)?)(?:这一?点|这件事|这个|它|一下|了|哦|啊|吧|哈|呀)*[。！!～~\\s]*$",
  "u",
);

/** Characters of the wish itself, and of how one asks, as they are written in Hong Kong and Taiwan. */
const TRADITIONAL = "請記別對還這個幫煩勞說過嗎麼們點內從現後時間";
const SIMPLIFIED = "请记别对还这个帮烦劳说过吗么们点内从现后时间";

/** What a Chinese message asks to have remembered; see `rememberedFact`. */
export function rememberedChinese(message: string): string | undefined {
  const simplified = message.replaceAll(/[請記別對還這個幫煩勞說過嗎麼們點內從現後時間]/gu, (character) =>
    SIMPLIFIED.charAt(TRADITIONAL.indexOf(character)),
  );
  const wish = WISH.exec(simplified);
  const fact = (wish && wished(wish, simplified)) ?? asked(simplified);
  // One character stands for one: the words are given back as they were written.
  const at = fact === undefined ? -1 : simplified.indexOf(fact);
  return fact === undefined || at < 0 ? fact : message.slice(at, at + fact.length);
}

function wished(wish: RegExpExecArray, message: string): string | undefined {
  const { polite, help, verb = "", link = "" } = wish.groups ?? {};
  const rest = message.slice(wish[0].length);
  const isColon = /[：:]$/u.test(link);
  const list = isColon ? listBelow(rest) : undefined;
  if (list !== undefined) return factOf(list, LEAST_CHARACTERS);
  const said = firstSentence(rest);
  if (QUESTION.test(said) || RECALL.test(said) || POINTING.test(said) || NOTHING_SAID.test(said)) return undefined;
  // "记得" and "别忘了" are of errands as well: only what somebody says of themselves is a fact.
  const isErrand = /^(?:记得|别忘|不要忘)/u.test(verb);
  const isFact = isColon || OF_ONESELF.test(said) || (!isErrand && polite !== undefined && help === undefined);
  return isFact ? factOf(withoutParticle(said), LEAST_CHARACTERS) : undefined;
}

/** "我对花生过敏，请记住。" */
function asked(message: string): string | undefined {
  const before = AFTERWARDS.exec(message)?.groups?.["before"];
  const last = before?.split(/[。！!\n]/u).findLast((one) => one.trim() !== "") ?? "";
  return OF_ONESELF.test(last.trim()) && !QUESTION.test(last) && !RECALL.test(last.trim())
    ? factOf(last, LEAST_CHARACTERS)
    : undefined;
}

const firstSentence = (text: string): string => /^[^。！!\n？?]*[？?]?/u.exec(text.trim())?.[0] ?? "";

const withoutParticle = (text: string): string => text.replace(/[，,]?(?:谢谢|好吗|吧|哦|喔|啊|哈|呀|啦)$/u, "");
