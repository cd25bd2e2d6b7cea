const MOST_ELEMENTS = 60_000;
const MOST_DEPTH = 500;
const VOID = /^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/;
/** What the start of one of these ends, where its own end is not written. */
const ENDED_BY: Readonly<Record<string, readonly string[]>> = {
  p: ["p"],
  li: ["li"],
  option: ["option"],
  dt: ["dt", "dd"],
  dd: ["dt", "dd"],
  td: ["td", "th"],
  th: ["td", "th"],
  tr: ["tr", "td", "th"],
  tbody: ["tr", "td", "th", "thead", "tbody"],
};

/** Throws RangeError for HTML that would keep a parser busy for minutes: looked at from tag to tag, before it is parsed. */
export function refuseHuge(html: string): void {
  const open: string[] = [];
  let elements = 0;
  for (let at = html.indexOf("<"); at >= 0; at = html.indexOf("<", at + 1)) {
    const isEnd = html[at + 1] === "/";
    const name = /^[a-z][a-z\d-]*/i.exec(html.slice(at + (isEnd ? 2 : 1), at + 24))?.[0].toLowerCase();
    if (name === undefined || VOID.test(name)) continue;
    if (isEnd) {
      const from = open.lastIndexOf(name);
      if (from >= 0) open.length = from;
      continue;
    }
    const ended = Object.hasOwn(ENDED_BY, name) ? (ENDED_BY[name] ?? []) : [];
    while (ended.includes(open.at(-1) ?? "")) open.pop();
    open.push(name);
    if (++elements > MOST_ELEMENTS) throw new RangeError("The page has too many elements to be read.");
    if (open.length > MOST_DEPTH) throw new RangeError("The page is nested too deep to be read.");
  }
}
