import type { ClientStrings } from "../../i18n/index.ts";

/** What happened and the way out, in the page's language: the page's own errors, translations, else the API's sentence. */
export function errorSentence(error: { code: string; message: string }, strings: ClientStrings): string {
  const own: Record<string, string> = {
    network: strings.network,
    cut_off: strings.cutOff,
    bad_answer: strings.badAnswer,
    invalid_api_key: strings.signedOut,
  };
  const translated: Record<string, string> = strings.errors ?? {};
  return own[error.code] ?? translated[error.code] ?? error.message;
}
