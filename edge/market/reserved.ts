/** Namespaces that only an administrator of the market gives away: those that people would take for somebody they trust. */
const RESERVED = new Set([
  "admin",
  "administrator",
  "anthropic",
  "apple",
  "checkout",
  "cloudflare",
  "github",
  "google",
  "market",
  "meta",
  "microsoft",
  "mistral",
  "official",
  "openai",
  "plugin",
  "plugins",
  "porchlight",
  "purchases",
  "security",
  "stripe",
  "support",
  "system",
  "test",
  "verified",
]);

/** Letters and digits that are taken for each other at a glance. */
const LOOKALIKES: readonly (readonly [RegExp, string])[] = [
  [/-/g, ""],
  [/0/g, "o"],
  [/[1l]/g, "i"],
  [/5/g, "s"],
  [/rn/g, "m"],
];

const lookOf = (namespace: string): string =>
  LOOKALIKES.reduce((text, [from, to]) => text.replace(from, to), namespace);
const RESERVED_LOOKS = new Set([...RESERVED].map(lookOf));

/** Whether a namespace is reserved, or looks like one that is: `p0rch-light`. */
export function isReserved(namespace: string): boolean {
  return RESERVED_LOOKS.has(lookOf(namespace));
}
