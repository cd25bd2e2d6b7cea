import type { Strings } from "../i18n/index.ts";

/** What the script of the pages about people reads from the page. */
export type AccessPageData = {
  strings: Strings["access"] & { errors: Strings["errors"] };
  /** Of the downloaded recovery codes. */
  fileName: string;
};
