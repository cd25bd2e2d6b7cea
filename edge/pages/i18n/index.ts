import type { ErrorCode } from "../../../shared/errors.ts";
import { en } from "./en.ts";
import { zhCn } from "./zh-cn.ts";

type Widen<T> = T extends string
  ? string
  : T extends readonly string[]
    ? readonly string[]
    : { [K in keyof T]: Widen<T[K]> };

/**
 * The shape every language fills. `errors` translates the API's sentences, those that a person at a page can meet; a code without
 * one keeps the API's own sentence. Null where that is in the language already.
 */
export type Strings = Widen<Omit<typeof en, "errors">> & { errors: Partial<Record<ErrorCode, string>> | null };

/** The part of the strings that the chat script needs; it travels in the page as JSON. */
export type ClientStrings = Strings["client"] & { errors: Strings["errors"] };

export const LOCALES = ["en", "zh-CN"] as const;
export type Locale = (typeof LOCALES)[number];

/** Each language under its own name, for the switch. */
export const LOCALE_NAMES: Record<Locale, string> = { en: "English", "zh-CN": "简体中文" };

const STRINGS: Record<Locale, Strings> = { en, "zh-CN": zhCn };

export function stringsFor(locale: Locale): Strings {
  return STRINGS[locale];
}

export function isLocale(value: string | undefined): value is Locale {
  return LOCALES.some((locale) => locale === value);
}
