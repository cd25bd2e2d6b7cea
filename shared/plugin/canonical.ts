/**
 * A JSON value as its one text by RFC 8785 (JCS): members by their UTF-16 names, no spaces. ECMAScript's own numbers and strings are
 * what that RFC asks for. Throws TypeError for what JSON cannot say (a lone surrogate, NaN, a function).
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string" && !value.isWellFormed()) throw new TypeError("A text has half of a surrogate pair.");
  if (value === null || typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`JSON has no ${typeof value}.`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`).join(",")}}`;
}
