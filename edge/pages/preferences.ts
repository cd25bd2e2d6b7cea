import { setCookie, getCookie } from "hono/cookie";
import { languageDetector } from "hono/language";
import type { Context, MiddlewareHandler } from "hono";
import { isLocale, LOCALES, type Locale } from "./i18n/index.ts";

export type Theme = "light" | "dark";

const LANGUAGE_COOKIE = "porchlight-lang";
/** Also written by the page's script when the reader flips the theme. */
const THEME_COOKIE = "porchlight-theme";
const YEAR_SECONDS = 365 * 24 * 3600;

/** Sets `c.var.language` from the cookie, then Accept-Language; every Chinese is served the one Chinese there is. */
export const detectLocale: MiddlewareHandler = languageDetector({
  order: ["cookie", "header"],
  lookupCookie: LANGUAGE_COOKIE,
  caches: false,
  supportedLanguages: [...LOCALES],
  fallbackLanguage: "en",
  convertDetectedLanguage: (tag) => (/^zh\b/i.test(tag) ? "zh-CN" : tag),
});

/** Answers `?lang=zh-CN` on any page: keeps the choice in a cookie and goes back to the same page without the query. */
export const switchLanguage: MiddlewareHandler = async (c, next) => {
  const asked = c.req.query("lang");
  if (c.req.method !== "GET" || !isLocale(asked)) return next();
  const url = new URL(c.req.url);
  setCookie(c, LANGUAGE_COOKIE, asked, {
    path: "/",
    maxAge: YEAR_SECONDS,
    sameSite: "Lax",
    secure: url.protocol === "https:",
    httpOnly: true,
  });
  url.searchParams.delete("lang");
  // One leading slash only: "//host" in a Location would lead to another site.
  return c.redirect(url.pathname.replace(/^\/+/, "/") + url.search, 303);
};

/** The language of this request; English before `detectLocale` has run. */
export function localeOf(c: Context): Locale {
  const language: unknown = c.get("language");
  return typeof language === "string" && isLocale(language) ? language : "en";
}

/** The theme the reader chose, or undefined to follow the system. */
export function themeOf(c: Context): Theme | undefined {
  const theme = getCookie(c, THEME_COOKIE);
  return theme === "light" || theme === "dark" ? theme : undefined;
}
