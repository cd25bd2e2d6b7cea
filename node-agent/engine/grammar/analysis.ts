import { EMPTY, type Expression, type Grammar, grammarError, NOTHING } from "./grammar.ts";

/**
 * The grammar without the parts that no finite text matches, so that whatever has been written can always be completed. Throws
 * `invalid_request` when nothing is left, a rule is missing, or one begins with itself.
 */
export function checkGrammar(grammar: Grammar): Grammar {
  for (const body of grammar.rules.values()) checkReferences(body, grammar.rules);
  if (!grammar.rules.has(grammar.root)) throw grammarError(`The grammar has no rule '${grammar.root}'.`);
  const productive = fixpoint(grammar, (body, known) => isProductive(body, known));
  if (!productive.has(grammar.root)) {
    throw grammarError("No finite text satisfies this grammar or schema: something in it requires itself.");
  }
  const rules = new Map([...grammar.rules].map(([name, body]) => [name, prune(body, productive)]));
  const pruned = { root: grammar.root, rules };
  refuseLeftRecursion(pruned);
  return pruned;
}

function checkReferences(body: Expression, rules: Grammar["rules"]): void {
  if (body.type === "rule" && !rules.has(body.name)) {
    throw grammarError(`The grammar has no rule '${body.name.slice(0, 100)}'.`);
  }
  for (const child of childrenOf(body)) checkReferences(child, rules);
}

export function childrenOf(body: Expression): readonly Expression[] {
  if (body.type === "sequence" || body.type === "choice") return body.items;
  if (body.type === "repeat") return [body.item];
  return body.type === "free" ? [body.body] : [];
}

/** The rules for which `holds` follows from its holding for others: the least fixed point. */
function fixpoint(grammar: Grammar, holds: (body: Expression, known: ReadonlySet<string>) => boolean): Set<string> {
  const known = new Set<string>();
  const users = new Map<string, Set<string>>();
  for (const [name, body] of grammar.rules) collectUses(body, name, users);
  let pending = new Set(grammar.rules.keys());
  while (pending.size > 0) {
    const next = new Set<string>();
    for (const name of pending) {
      const body = grammar.rules.get(name);
      if (known.has(name) || body === undefined || !holds(body, known)) continue;
      known.add(name);
      for (const user of users.get(name) ?? []) next.add(user);
    }
    pending = next;
  }
  return known;
}

function collectUses(body: Expression, user: string, users: Map<string, Set<string>>): void {
  if (body.type === "rule") {
    const set = users.get(body.name) ?? new Set();
    users.set(body.name, set.add(user));
  }
  for (const child of childrenOf(body)) collectUses(child, user, users);
}

function isProductive(body: Expression, known: ReadonlySet<string>): boolean {
  switch (body.type) {
    case "characters":
      return body.set.length > 0;
    case "text":
    case "free":
      return true;
    case "sequence":
      return body.items.every((item) => isProductive(item, known));
    case "choice":
      return body.items.some((item) => isProductive(item, known));
    case "repeat":
      return body.min === 0 || isProductive(body.item, known);
    case "rule":
      break;
  }
  return known.has(body.name);
}

function prune(body: Expression, productive: ReadonlySet<string>): Expression {
  if (!isProductive(body, productive)) return NOTHING;
  switch (body.type) {
    case "sequence":
      return { type: "sequence", items: body.items.map((item) => prune(item, productive)) };
    case "choice": {
      const items = body.items.filter((item) => isProductive(item, productive));
      return { type: "choice", items: items.map((item) => prune(item, productive)) };
    }
    case "repeat":
      return isProductive(body.item, productive) ? { ...body, item: prune(body.item, productive) } : EMPTY;
    case "free":
      return { ...body, body: prune(body.body, productive) };
    case "characters":
    case "text":
    case "rule":
      break;
  }
  return body;
}

/** The rules that match the empty text. */
export function nullableRules(grammar: Grammar): ReadonlySet<string> {
  return fixpoint(grammar, isNullable);
}

export function isNullable(body: Expression, known: ReadonlySet<string>): boolean {
  switch (body.type) {
    case "characters":
      return false;
    case "text":
      return body.text === "";
    case "free":
      return true;
    case "sequence":
      return body.items.every((item) => isNullable(item, known));
    case "choice":
      return body.items.some((item) => isNullable(item, known));
    case "repeat":
      return body.min === 0 || isNullable(body.item, known);
    case "rule":
      break;
  }
  return known.has(body.name);
}

/** A rule that can begin with itself would be followed for ever. Refused as GBNF does. */
function refuseLeftRecursion(grammar: Grammar): void {
  const nullable = nullableRules(grammar);
  const firsts = new Map([...grammar.rules].map(([name, body]) => [name, firstRules(body, nullable, new Set())]));
  const done = new Set<string>();
  for (const start of grammar.rules.keys()) {
    // Depth-first without recursion: a chain of rules may be thousands long.
    const open = new Set<string>();
    const path: { name: string; rest: Iterator<string> }[] = [];
    const enter = (name: string): void => {
      if (open.has(name)) {
        throw grammarError(
          `The rule '${name.slice(0, 100)}' can begin with itself. Write 'a ::= b c*' for 'a ::= a c | b'.`,
        );
      }
      if (done.has(name)) return;
      open.add(name);
      path.push({ name, rest: (firsts.get(name) ?? new Set()).values() });
    };
    enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.next();
      if (next.done === true) {
        open.delete(top.name);
        done.add(top.name);
        path.pop();
      } else enter(next.value);
    }
  }
}

/** The rules that a text of `body` may begin with. */
function firstRules(body: Expression, nullable: ReadonlySet<string>, into: Set<string>): Set<string> {
  if (body.type === "rule") into.add(body.name);
  else if (body.type === "sequence") {
    for (const item of body.items) {
      firstRules(item, nullable, into);
      if (!isNullable(item, nullable)) break;
    }
  } else if (body.type !== "free") for (const child of childrenOf(body)) firstRules(child, nullable, into);
  return into;
}
