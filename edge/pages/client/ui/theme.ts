const YEAR_SECONDS = 365 * 24 * 3600;

/** Flips between light and dark and keeps the choice in the cookie that the server renders by, so that no page flashes. */
export function flipTheme(): void {
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const current = root.dataset["theme"] ?? (systemDark ? "dark" : "light");
  const next = current === "dark" ? "light" : "dark";
  root.dataset["theme"] = next;
  const secure = location.protocol === "https:" ? "; secure" : "";
  // eslint-disable-next-line unicorn/no-document-cookie -- cookieStore is missing on plain http and in older browsers.
  document.cookie = `porchlight-theme=${next}; path=/; max-age=${YEAR_SECONDS}; samesite=lax${secure}`;
}
