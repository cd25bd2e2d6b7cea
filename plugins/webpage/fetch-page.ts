import type { FetchedResponse, PluginFetch } from "../../shared/plugin/index.ts";
import { decodeText } from "../shared/text.ts";

/** A page's text as it was sent. */
export interface Page {
  url: string;
  isHtml: boolean;
  text: string;
}

/** Longer ones take seconds to parse; what is behind is left out. */
const MOST_CHARACTERS = 3_000_000;
const IS_HTML = /^(?:text\/html|application\/xhtml\+xml)/;
const IS_TEXT = /^(?:text\/|application\/(?:json|xml|[a-z.+-]+\+(?:json|xml)))/;

/** Throws Error in words that say what to do for what cannot be read. */
export async function fetchPage(fetch: PluginFetch | undefined, given: string, locale: string): Promise<Page> {
  if (fetch === undefined)
    throw new Error("Reading pages was not allowed. The user can allow it in the plugin's settings.");
  const url = addressOf(given);
  const headers = {
    accept: "text/html,application/xhtml+xml,text/plain;q=0.8,*/*;q=0.5",
    "accept-language": `${locale},en;q=0.5`,
  };
  const response = await fetch(url, { headers }).catch((error: unknown) => {
    throw new Error(inWords(error instanceof Error ? error.message : "", url), { cause: error });
  });
  if (response.status >= 400) throw new Error(refusalOf(response));
  const type = (response.headers["content-type"] ?? "").toLowerCase().trim();
  const isHtml = IS_HTML.test(type) || (type === "" && /^\s*</.test(start(response.body)));
  if (!isHtml && type !== "" && !IS_TEXT.test(type)) throw new Error(otherType(type));
  const charset = charsetOf(type, response.body);
  return { url: response.url, isHtml, text: decodeText(response.body, charset).slice(0, MOST_CHARACTERS) };
}

/** `example.com/a` and `http://` are read by https. */
function addressOf(given: string): string {
  const text = given.trim().replace(/^<|>$/g, "");
  const url = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `https://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Error(`'${text.slice(0, 100)}' is not the address of a web page.`);
  url.protocol = "https:";
  url.hash = "";
  return url.href;
}

function charsetOf(type: string, body: Uint8Array): string | undefined {
  const named = /charset\s*=\s*["']?([\w.:-]+)/.exec(type)?.[1];
  return named ?? /<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]+)/i.exec(start(body))?.[1];
}

function start(body: Uint8Array): string {
  return new TextDecoder("latin1").decode(body.subarray(0, 4_096));
}

function inWords(message: string, url: string): string {
  if (message.includes("larger than"))
    return "The page is larger than 8 MB. Ask the user for a smaller one, or for its text.";
  if (message.includes("redirects")) return "The page leads from one address to the next without an end.";
  if (message.includes("cannot be reached"))
    return `${new URL(url).host} cannot be reached: no such site, or it is not public. Check the address.`;
  if (message.includes("time")) return "The site did not answer in time. Try again later.";
  return message === "" ? "The page could not be fetched." : message;
}

function refusalOf({ status, url }: FetchedResponse): string {
  const why =
    status === 404 || status === 410
      ? "there is no such page"
      : status === 401 || status === 403 || status === 451
        ? "it does not let programs or strangers read this page"
        : status === 429
          ? "it was asked too often"
          : "something is wrong there";
  return `${new URL(url).host} answered ${status}: ${why}.`;
}

function otherType(type: string): string {
  const name = type.split(";")[0] ?? type;
  if (name === "application/pdf")
    return "This is a PDF. Ask the user to download and attach it, and read it as a file.";
  return `This is no page but a file (${name.slice(0, 60)}). It is not read here.`;
}
