import type { Context } from "hono";
import type { Role } from "../access/roles.ts";
import type { AppEnv } from "../env.ts";
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
  /** Who is signed in; undefined for a visitor. */
  person: { name: string; role: Role } | undefined;
};

export function pageProps(c: Context<AppEnv>): PageProps {
  const locale = localeOf(c);
  const { account } = c.var;
  const person = account && { name: account.userName, role: account.role };
  return { locale, strings: stringsFor(locale), theme: themeOf(c), path: c.req.path, person };
}
