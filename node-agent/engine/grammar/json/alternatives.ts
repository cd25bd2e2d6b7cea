import { grammarError, GRAMMAR_LIMITS } from "../grammar.ts";
import { type Conjunction, type Facts, factsOf, hasType, keywordsOf, type SchemaObject } from "./facts.ts";

/** Schema objects that all hold, with their references and combinations resolved. */
export type Alternative = readonly SchemaObject[];

/** Ways in which `anyOf` and `oneOf` of one place combine. */
const MAX_ALTERNATIVES = 256;
/** Schemas looked at in all: about a second. */
const MAX_WORK = 100_000;
/** How deep two branches of a `oneOf` are compared. */
const COMPARED_DEPTH = 4;

/** Resolves what refers and combines: of a document, the schema that a conjunction means. */
export class Alternatives {
  readonly #root: boolean | SchemaObject;
  readonly #anchors = new Map<string, SchemaObject>();
  #work = 0;

  constructor(root: boolean | SchemaObject) {
    this.#root = root;
    collectAnchors(root, this.#anchors, 0);
  }

  /** The conjunction as a choice of conjunctions without `$ref`, `allOf`, `anyOf` and `oneOf`; impossible ones left out. */
  of(conjunction: Conjunction, depth = COMPARED_DEPTH): Alternative[] {
    let alternatives: Alternative[] = [[]];
    for (const schema of conjunction) alternatives = combine(alternatives, this.#expand(schema, new Set(), depth));
    return alternatives.filter((alternative) => !this.#isImpossible(alternative, depth));
  }

  #expand(schema: boolean | SchemaObject, path: ReadonlySet<SchemaObject>, depth: number): Alternative[] {
    if (++this.#work > MAX_WORK) throw grammarError("The JSON Schema's combinations are too many. Make it smaller.");
    if (schema === true) return [[]];
    if (schema === false) return [];
    if (path.has(schema)) throw grammarError("The JSON Schema has a '$ref' that leads back to itself.");
    const inside = new Set([...path, schema]);
    if (inside.size > GRAMMAR_LIMITS.depth) throw grammarError("The JSON Schema's references are nested too deeply.");
    const keywords = keywordsOf(schema);
    let alternatives: Alternative[] = [[schema]];
    const all = [...(keywords.$ref === undefined ? [] : [this.#resolve(keywords.$ref)]), ...(keywords.allOf ?? [])];
    for (const part of all) alternatives = combine(alternatives, this.#expand(part, inside, depth));
    for (const branches of [keywords.anyOf, keywords.oneOf]) {
      if (branches === undefined) continue;
      const expanded = branches.map((branch) => this.#expand(branch, inside, depth));
      if (branches === keywords.oneOf) this.#checkDisjoint(expanded, [schema], depth);
      alternatives = combine(alternatives, expanded.flat());
    }
    return alternatives;
  }

  /** `oneOf` means exactly one: a text that fits one branch must be known not to fit another. */
  #checkDisjoint(branches: readonly Alternative[][], base: Alternative, depth: number): void {
    if (depth <= 0) return;
    for (const [i, first] of branches.entries()) {
      for (const second of branches.slice(i + 1)) {
        const both = combine(combine(first, second), [base]);
        if (both.every((alternative) => this.#isImpossible(alternative, depth - 1))) continue;
        throw grammarError(
          "The JSON Schema has a 'oneOf' whose branches may overlap. Use 'anyOf', or tell them apart by type or by a required 'const'.",
        );
      }
    }
  }

  /** Whether no value can satisfy all of it; found by what is plain to see, so false says nothing. */
  #isImpossible(alternative: Alternative, depth: number): boolean {
    const facts = factsOf(alternative);
    if (facts.types?.size === 0 || facts.values?.length === 0) return true;
    if (facts.values?.every((value) => !hasType(value, facts.types)) === true) return true;
    if (facts.min > facts.max || facts.minLength > facts.maxLength) return true;
    const isNumber = facts.types !== null && [...facts.types].every((type) => type === "number" || type === "integer");
    if (isNumber && facts.min === facts.max && (facts.isMinExclusive || facts.isMaxExclusive)) return true;
    const isObject = facts.types?.size === 1 && facts.types.has("object");
    return isObject && depth > 0 && this.#lacksProperty(facts, depth);
  }

  #lacksProperty(facts: Facts, depth: number): boolean {
    const required = new Set(facts.objects.flatMap((part) => part.required ?? []));
    return [...required].some((name) => {
      const conjunction = propertySchemas(facts.objects, name);
      return conjunction !== null && this.of(conjunction, depth - 1).length === 0;
    });
  }

  #resolve(reference: string): boolean | SchemaObject {
    const unknown = (): Error =>
      grammarError(
        `The JSON Schema refers to '${reference.slice(0, 100)}', which is not in it. Only '#...' is followed.`,
      );
    if (!reference.startsWith("#")) throw unknown();
    const pointer = decodeFragment(reference.slice(1));
    if (pointer === "") return this.#root;
    if (!pointer.startsWith("/")) {
      const anchored = this.#anchors.get(pointer);
      if (anchored === undefined) throw unknown();
      return anchored;
    }
    let place: unknown = this.#root;
    for (const step of pointer.slice(1).split("/")) {
      const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof place !== "object" || place === null || !Object.hasOwn(place, name)) throw unknown();
      // The cast: an object has just been seen to have this property; arrays are read by index in the same way.
      place = (place as Record<string, unknown>)[name];
    }
    if (typeof place === "boolean") return place;
    if (!isSchemaObject(place)) throw unknown();
    return place;
  }
}

/** The schemas for one property, of objects described by `parts`; null when it depends on a pattern. */
export function propertySchemas(parts: Facts["objects"], name: string): Conjunction | null {
  if (parts.some((part) => part.patternProperties !== undefined)) return null;
  return parts.flatMap((part) => {
    const { properties, additionalProperties } = part;
    if (properties !== undefined && Object.hasOwn(properties, name)) return [properties[name] ?? true];
    return additionalProperties === undefined ? [] : [additionalProperties];
  });
}

function combine(first: readonly Alternative[], second: readonly Alternative[]): Alternative[] {
  if (first.length * second.length > MAX_ALTERNATIVES) {
    throw grammarError(
      `The JSON Schema combines to more than ${MAX_ALTERNATIVES} alternatives at one place. Make it smaller.`,
    );
  }
  return first.flatMap((a) => second.map((b) => [...a, ...b]));
}

function decodeFragment(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment; // Not percent-encoded: it is taken as it stands.
  }
}

function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function collectAnchors(value: unknown, anchors: Map<string, SchemaObject>, depth: number): void {
  if (depth > 2 * GRAMMAR_LIMITS.depth) throw grammarError("The JSON Schema is nested too deeply.");
  if (Array.isArray(value)) for (const item of value) collectAnchors(item, anchors, depth + 1);
  if (!isSchemaObject(value)) return;
  if (typeof value.$anchor === "string") anchors.set(value.$anchor, value);
  if (depth > 0 && typeof value.$id === "string") {
    throw grammarError("The JSON Schema has a nested '$id', which is not supported. Leave it out.");
  }
  for (const item of Object.values(value)) collectAnchors(item, anchors, depth + 1);
}
