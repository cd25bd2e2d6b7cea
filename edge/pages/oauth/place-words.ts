import type { Place } from "../../oauth/redirect-uri.ts";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

/** Where an address leads, in words. */
export function placeWords(page: PageProps, place: Place): string {
  const { oauth: text } = page.strings;
  if (place.kind === "site") return place.host;
  return place.kind === "computer" ? text.computer : format(text.app, { scheme: place.scheme });
}
