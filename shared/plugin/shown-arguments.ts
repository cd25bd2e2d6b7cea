/** What nobody sees, or reads as something else: formats and directions, tags, fillers, separators, odd spaces, variation selectors. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u2800\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/u;
/** Scripts whose letters look like those of ASCII. */
const LOOKS_LIKE =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Coptic}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Lisu}]/u;
/** A word that mixes them with ASCII, or is an address by its form. */
const MIXED_OR_ADDRESS = /[a-z0-9]|[\p{L}\p{N}]\.[\p{L}\p{N}]|@|:\/\//iu;

/**
 * A call's arguments as a person is shown them: JSON of the very same value, in which nothing hides. Members go by their length, so that
 * a long text does not push an address out of sight; what cannot be seen, or passes for an ASCII letter where it is not one, is an
 * escape, and so are many blanks in a row. A reader of JSON gets what the tool would.
 */
export function shownArguments(canonical: string): string {
  return seen(shortFirst(JSON.parse(canonical)));
}

function shortFirst(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => shortFirst(item)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${shortFirst(member)}`);
  return `{${members.toSorted((one, other) => one.length - other.length || (one < other ? -1 : 1)).join(",")}}`;
}

/** JSON with escapes for what is not to be taken at its looks. */
function seen(json: string): string {
  const spaced = json.replaceAll(/ {4,}/g, (run) => ` ${"\\u0020".repeat(run.length - 1)}`);
  return spaced.replaceAll(/[^\s"]+|\s/gu, (word) => {
    const isMixed = LOOKS_LIKE.test(word) && MIXED_OR_ADDRESS.test(word);
    return word.replaceAll(/[^\x20-\x7e]/gu, (character) => {
      const isUnseen = UNSEEN.test(character);
      // Full-width and mathematical letters: the same to a reader, another address to a machine.
      const isDressedUp =
        /^[!-~]+$/.test(character.normalize("NFKC")) && /[a-z0-9./:@]/i.test(character.normalize("NFKC"));
      return isUnseen || isDressedUp || (isMixed && LOOKS_LIKE.test(character)) ? escaped(character) : character;
    });
  });
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }).join("");
}
