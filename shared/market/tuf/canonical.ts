/**
 * A JSON value as TUF signs it: OLPC's canonical JSON. Members by their code units, no spaces, whole numbers, and in texts nothing is
 * escaped but quotes and backslashes; that is where it differs from RFC 8785. Throws TypeError for what it cannot say.
 */
export function canonicalTuf(value: unknown): string {
  if (value === null || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (typeof value === "string" && value.isWellFormed())
    return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  if (Array.isArray(value)) return `[${value.map((item) => canonicalTuf(item)).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`Canonical JSON has no such ${typeof value}.`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${canonicalTuf(name)}:${canonicalTuf(member)}`).join(",")}}`;
}
