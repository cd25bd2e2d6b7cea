/**
 * Which of two versions is the newer one, by Semantic Versioning 2.0.0, section 11: below 0 where `one` is older. What manifests let
 * through is all it is told.
 */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [parts(one), parts(other)];
  for (const at of [0, 1, 2]) {
    const difference = Number(a.numbers[at] ?? 0) - Number(b.numbers[at] ?? 0);
    if (difference !== 0) return difference;
  }
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length;
  for (const at of Array.from({ length: Math.max(a.before.length, b.before.length) }, (_, index) => index)) {
    const difference = compareIdentifiers(a.before[at], b.before[at]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A version that people are to try, not to rely on. */
export function isPrerelease(version: string): boolean {
  return version.includes("-");
}

function parts(version: string): { numbers: string[]; before: string[] } {
  const dash = version.indexOf("-");
  const core = dash < 0 ? version : version.slice(0, dash);
  return { numbers: core.split("."), before: dash < 0 ? [] : version.slice(dash + 1).split(".") };
}

function compareIdentifiers(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) return one === other ? 0 : one === undefined ? -1 : 1;
  const [isNumber, isOther] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (isNumber && isOther) return Number(one) - Number(other);
  if (isNumber !== isOther) return isNumber ? -1 : 1;
  return one < other ? -1 : Number(one > other);
}
