import type { Expression, Grammar } from "../../node-agent/engine/grammar/grammar.ts";

/**
 * Whether a text can be completed to one of the grammar's, and whether it is one: found by following the expressions themselves
 * over the characters, with sets of positions. No network, no states, no bytes: a slow twin for GrammarAutomaton.
 */
export function readSlowly(grammar: Grammar, text: string): { isPrefix: boolean; isWhole: boolean } {
  const characters = Array.from(text);
  let reachedEnd = false;
  /** Positions at which `body` may end when it begins at `at`. */
  const ends = (body: Expression, at: number): Set<number> => {
    // Something is wanted at the end of the text: what is there so far is a prefix.
    if (at === characters.length && body.type !== "free") reachedEnd ||= wantsMore(body);
    switch (body.type) {
      case "characters": {
        const point = characters[at]?.codePointAt(0);
        const isIn = point !== undefined && body.set.some(([first, last]) => first <= point && point <= last);
        return new Set(isIn ? [at + 1] : []);
      }
      case "text": {
        let positions = new Set([at]);
        for (const character of body.text) {
          const next = new Set<number>();
          for (const position of positions) {
            if (position === characters.length) reachedEnd = true;
            if (characters[position] === character) next.add(position + 1);
          }
          positions = next;
        }
        return positions;
      }
      case "sequence":
        return body.items.reduce(
          (from, item) => union([...from].map((position) => ends(item, position))),
          new Set([at]),
        );
      case "choice":
        return union(body.items.map((item) => ends(item, at)));
      case "repeat": {
        const all = new Set<number>(body.min === 0 ? [at] : []);
        let from = new Set([at]);
        for (let count = 1; count <= Math.min(body.max, body.min + characters.length + 1) && from.size > 0; count++) {
          from = union([...from].map((position) => ends(body.item, position)));
          if (count >= body.min) for (const position of from) all.add(position);
        }
        return all;
      }
      case "rule": {
        const rule = grammar.rules.get(body.name);
        if (rule === undefined) throw new Error(`no rule ${body.name}`);
        return ends(rule, at);
      }
      case "free":
        break;
    }
    return freeEnds(body, at);
  };
  const freeEnds = (body: Extract<Expression, { type: "free" }>, at: number): Set<number> => {
    reachedEnd = true;
    const rest = characters.slice(at).join("");
    const opener = rest.indexOf(body.opener);
    const limit =
      opener === -1 ? characters.length : at + Array.from(rest.slice(0, opener + body.opener.length)).length - 1;
    const plain = new Set(Array.from({ length: Math.max(0, limit - at) + 1 }, (_, i) => at + i));
    return opener === -1 ? plain : union([plain, ends(body.body, limit + 1)]);
  };
  const found = ends({ type: "rule", name: grammar.root }, 0);
  return { isPrefix: reachedEnd || found.has(characters.length), isWhole: found.has(characters.length) };
}

function wantsMore(body: Expression): boolean {
  return (body.type === "text" && body.text !== "") || body.type === "characters";
}

function union(sets: readonly Set<number>[]): Set<number> {
  return new Set(sets.flatMap((set) => [...set]));
}
