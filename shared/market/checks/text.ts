import { type Finding, finding } from "../findings.ts";

/** Never of use in a text of a plugin: zero width, turning its direction, tags. */
const INVISIBLE =
  /[\u00ad\u061c\u180e\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\u206a-\u206f]|[\u{e0000}-\u{e007f}]|(?<!^)\ufeff/u;
/** They choose between pictures of one character; several in a row, or of the second kind, carry something. */
const SELECTORS = /\p{Variation_Selector}{2}|[\u{e0100}-\u{e01ef}]/u;
/** Joiners belong into Arabic, Indic and emoji; between plain letters they are there to be missed. */
const JOINER = /(?<=[\u0020-\u007e])[\u200c\u200d]|[\u200c\u200d](?=[\u0020-\u007e])/u;
/** Marks of direction, in a line that has no letter that runs from the right. */
const MARK = /[\u200e\u200f]/u;
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}]/u;

/** What people write to a model that it should not listen to, in the languages that most of them write. Every gap is bounded. */
const INSTRUCTIONS: readonly RegExp[] = [
  /\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all|system)\b[^.\n]{0,20}\b(?:instruction|prompt|message|rule)s?\b/i,
  /\b(?:do not|don't|never) (?:tell|inform|mention|show|reveal|say)\b[^.\n]{0,40}\buser\b/i,
  /\byou are now\b[^.\n]{0,40}\b(?:assistant|mode|unrestricted|jailbroken)\b/i,
  /<\/?(?:system|assistant|important)>|<\|(?:im_start|im_end|system|eot_id|start_header_id)[^>\n]{0,20}\|>|\[\/?INST\]/i,
  /\b(?:before|after|whenever|instead of)\b[^.\n]{0,40}\b(?:call|use|invoke)\b[^.\n]{0,30}\bthis tool\b[^.\n]{0,60}\b(?:read|send|pass|include|copy)\b/i,
  /\b(?:send|post|upload|forward|include|pass)\b[^.\n]{0,40}\b(?:whole conversation|chat history|system prompt|api keys?|passwords?|credentials|private keys?)\b/i,
  /(?:忽略|无视|忘记|绕过)[^。\n]{0,20}(?:之前|以上|前面|先前|所有|系统)[^。\n]{0,10}(?:指令|指示|提示|规则|要求)/,
  /(?:不要|别|切勿|禁止)(?:告诉|告知|透露|提醒)[^。\n]{0,10}用户/,
  /(?:发送|上传|转发|泄露)[^。\n]{0,20}(?:聊天记录|对话内容|系统提示|密码|密钥|凭据)/,
];
/** A text that is another one, as a literal or a line of a file holds it. */
const BASE64 = /[A-Za-z0-9+/_-]{40,4000}={0,2}/g;
const MOST_PER_FILE = 20;

/** Characters that nobody sees, and instructions to the model, in a text file. */
export function checkText(path: string, text: string): Finding[] {
  const found: Finding[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (found.length >= MOST_PER_FILE) break;
    if (hidesCharacters(line)) found.push(finding("hidden_characters", path, at + 1, around(line)));
    const words = instructionsIn(line);
    if (words !== undefined) found.push(finding("hidden_instructions", path, at + 1, words));
  }
  return found;
}

function hidesCharacters(line: string): boolean {
  return (
    INVISIBLE.test(line) || SELECTORS.test(line) || JOINER.test(line) || (MARK.test(line) && !RIGHT_TO_LEFT.test(line))
  );
}

/** The words that read like instructions to a model, if any do, also where they are written in base64 or invisible tags. */
export function instructionsIn(text: string): string | undefined {
  const said = [text, tagged(text), ...[...text.matchAll(BASE64)].map(([run]) => decoded(run))];
  for (const one of said) {
    const words = INSTRUCTIONS.map((pattern) => pattern.exec(one)?.[0]).find((match) => match !== undefined);
    if (words !== undefined) return words;
  }
  return undefined;
}

/** What the invisible tag characters of a text spell. */
function tagged(text: string): string {
  const tags = Array.from(text.matchAll(/[\u{e0020}-\u{e007e}]/gu), ([character]) => character.codePointAt(0) ?? 0);
  return String.fromCodePoint(...tags.slice(0, 4_000).map((code) => code - 0xe0000));
}

/** The text that a run of base64 stands for; empty where it is none. */
function decoded(run: string): string {
  try {
    const binary = atob(run.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""));
    return /^[\t\n\r\u0020-\u007e\u0080-\u00ff]*$/.test(binary) ? binary : "";
  } catch {
    return ""; // no base64
  }
}

/** The part of a long line that has the characters in it. */
function around(line: string): string {
  const at = Math.max(0, line.search(/[\p{Cf}\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u) - 40);
  return line.slice(at, at + 120);
}
