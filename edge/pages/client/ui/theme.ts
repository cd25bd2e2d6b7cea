const YEAR_SECONDS = 365 * 24 * 3600;

/** Flips between light and dark and keeps the choice in the cookie that the server renders by, so that no page flashes. */
export function flipTheme(): void {
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const current = root.dataset["theme"] ?? (systemDark ? "dark" : "light");
  setTheme(current === "dark" ? "light" : "dark");
}

/** Shows a theme and keeps it in the cookie; undefined follows the system again. */
export function setTheme(theme: "light" | "dark" | undefined): void {
  const root = document.documentElement;
  if (theme === undefined) delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
  const secure = location.protocol === "https:" ? "; secure" : "";
  const life = theme === undefined ? 0 : YEAR_SECONDS;
  // eslint-disable-next-line unicorn/no-document-cookie -- cookieStore is missing on plain http and in older browsers.
  document.cookie = `porchlight-theme=${theme ?? ""}; path=/; max-age=${life}; samesite=lax${secure}`;
}
