import type { Locale, Strings } from "../i18n/index.ts";

/** What the script of the import reads from the page. */
export type ImportPageData = {
  strings: Strings["transfer"] & { errors: Strings["errors"] };
  locale: Locale;
};
