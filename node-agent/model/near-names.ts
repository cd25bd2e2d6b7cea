/** Those of `names` that a typing mistake could have turned into `wanted`, nearest first, at most three. */
export function nearNames(wanted: string, names: readonly string[]): string[] {
  const lower = wanted.toLowerCase();
  return names
    .map((name) => ({ name, distance: distanceTo(lower, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, wanted.length / 3))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Nothing that long is a mistyped name. */
const LONGEST = 256;

function distanceTo(wanted: string, name: string): number {
  if (wanted.length > LONGEST || name.length > LONGEST) return Number.POSITIVE_INFINITY;
  // A part of a name is nearer than a mistyped one, the larger the part.
  if (name.includes(wanted) || wanted.includes(name)) return Math.abs(name.length - wanted.length) / LONGEST;
  return levenshtein(wanted, name);
}

/** Edit distance: how many characters have to be put in, taken out or changed (Levenshtein, 1966). */
function levenshtein(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
