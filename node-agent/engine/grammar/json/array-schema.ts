import { choice, EMPTY, type Expression, grammarError, NOTHING, optional, repeat, sequence, text } from "../grammar.ts";
import type { Conjunction, Facts, Keywords } from "./facts.ts";
import { isSame } from "./facts.ts";
import type { SchemaConverter } from "./schema.ts";
import { bracketed, WS } from "./text.ts";

const COMMA = sequence(text(","), WS);
/** Fixed places at the beginning of an array. */
const MAX_PREFIX = 1_000;

/** The arrays that a schema allows. */
export function arrayExpression(facts: Facts, converter: SchemaConverter): Expression {
  const min = Math.max(0, ...facts.arrays.map((part) => part.minItems ?? 0));
  const max = Math.min(...facts.arrays.map((part) => part.maxItems ?? Number.POSITIVE_INFINITY));
  if (min > max) return NOTHING;
  const prefix = Math.max(0, ...facts.arrays.map((part) => prefixOf(part).length));
  if (prefix > MAX_PREFIX) throw grammarError(`The JSON Schema has an array of more than ${MAX_PREFIX} fixed places.`);
  const isUnique = facts.arrays.some((part) => part.uniqueItems === true) && max > 1;
  if (isUnique) return uniqueItems(facts, prefix, { min, max }, converter);
  const rest = converter.convert(facts.arrays.flatMap((part) => schemasAt(part, prefix)));
  // From the end: what may follow once i items are there.
  let after = repeat(sequence(COMMA, rest), Math.max(0, min - prefix), Math.max(0, max - prefix));
  if (prefix === 0) {
    if (max === 0) return bracketed("[", EMPTY, "]");
    const more = repeat(sequence(COMMA, rest), Math.max(0, min - 1), max - 1);
    const items = sequence(rest, more);
    return bracketed("[", min === 0 ? optional(items) : items, "]");
  }
  for (let i = prefix - 1; i >= 0; i--) {
    const item = converter.convert(facts.arrays.flatMap((part) => schemasAt(part, i)));
    const items = sequence(...(i === 0 ? [] : [COMMA]), item, after);
    after = i >= max ? EMPTY : i >= min ? optional(items) : items;
    after = converter.fresh(after);
  }
  return bracketed("[", after, "]");
}

function prefixOf({ items, prefixItems }: Keywords): Conjunction {
  return prefixItems ?? (Array.isArray(items) ? items : []);
}

function schemasAt(part: Keywords, index: number): Conjunction {
  const prefix = prefixOf(part);
  const fixed = prefix[index];
  if (fixed !== undefined) return [fixed];
  const rest = Array.isArray(part.items) ? part.additionalItems : part.items;
  return rest === undefined || Array.isArray(rest) ? [] : [rest];
}

/** Items of a few known values, each at most once, in the schema's order: so they differ without being compared. */
function uniqueItems(
  facts: Facts,
  prefix: number,
  { min, max }: { min: number; max: number },
  converter: SchemaConverter,
): Expression {
  const values = prefix > 0 ? null : converter.valuesOf(facts.arrays.flatMap((part) => schemasAt(part, 0)));
  if (values === null) {
    throw grammarError(
      "The JSON Schema keyword 'uniqueItems' is supported for items with an 'enum', or at most one item.",
    );
  }
  const distinct = values.filter((value, i) => values.findIndex((other) => isSame(value, other)) === i);
  const most = Math.min(max, distinct.length);
  if (min > most) return NOTHING;
  /** rests[c]: what may follow once the values before were passed and c of them are there. */
  let rests: Expression[] = Array.from({ length: most + 1 }, (_, taken) => (taken >= min ? EMPTY : NOTHING));
  for (const value of distinct.toReversed()) {
    const later = rests;
    rests = later.map((skipped, taken) => {
      if (taken >= most) return skipped;
      const taking = sequence(
        ...(taken === 0 ? [] : [COMMA]),
        converter.json.literal(value),
        later[taken + 1] ?? NOTHING,
      );
      return converter.fresh(choice([taking, skipped]));
    });
  }
  return bracketed("[", rests[0] ?? NOTHING, "]");
}
