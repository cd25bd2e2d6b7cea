import type { Context } from "hono";
import { type Locale, type Strings, stringsFor } from "./i18n/index.ts";
import { localeOf, type Theme, themeOf } from "./preferences.ts";

/** What every page is rendered from. */
export type PageProps = {
  locale: Locale;
  strings: Strings;
  /** Undefined follows the system. */
  theme: Theme | undefined;
  /** Path of this page, for the language switch. */
  path: string;
  signedIn: boolean;
};

export function pageProps(c: Context, signedIn: boolean): PageProps {
  const locale = localeOf(c);
  return { locale, strings: stringsFor(locale), theme: themeOf(c), path: c.req.path, signedIn };
}
