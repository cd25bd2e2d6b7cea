/** In order: who pretends to be another comes before the other. */
const BROWSERS: readonly (readonly [string, RegExp])[] = [
  ["Edge", /\bEdgA?\//],
  ["Opera", /\bOPR\//],
  ["Samsung Internet", /\bSamsungBrowser\//],
  ["Firefox", /\b(?:Firefox|FxiOS)\//],
  ["Chrome", /\b(?:Chrome|CriOS|HeadlessChrome)\//],
  ["Safari", /\bSafari\//],
];
const SYSTEMS: readonly (readonly [string, RegExp])[] = [
  ["iPhone", /\biPhone\b/],
  ["iPad", /\biPad\b/],
  ["Android", /\bAndroid\b/],
  ["ChromeOS", /\bCrOS\b/],
  ["Windows", /\bWindows\b/],
  ["macOS", /\bMac OS X\b/],
  ["Linux", /\bLinux\b/],
];

/** "Firefox · Linux" for a User-Agent header; undefined if it says neither. For people's eyes only. */
export function describeUserAgent(userAgent: string): string | undefined {
  const first = (known: typeof BROWSERS) => known.find(([, pattern]) => pattern.test(userAgent))?.[0];
  const names = [first(BROWSERS), first(SYSTEMS)].filter((name) => name !== undefined);
  return names.length === 0 ? undefined : names.join(" · ");
}
