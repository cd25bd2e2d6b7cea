import { canonicalJson } from "../../../shared/plugin/canonical.ts";
import { shownArguments } from "../../../shared/plugin/shown-arguments.ts";
import type { Asked } from "./read-turn.ts";
import type { Call } from "./worst-model.ts";

/** Whoever is asked. */
export type Person = (asked: Asked) => "allow" | "deny";

/** What a prompt shows before one scrolls, about. */
const SCREEN = 1_500;
/** After so many prompts in one answer a tired person only clicks. */
const PATIENCE = 20;

/** Letters that pass for those of ASCII on a screen. */
const LOOKS: Readonly<Record<string, string>> = {
  а: "a",
  е: "e",
  о: "o",
  р: "p",
  с: "c",
  у: "y",
  х: "x",
  і: "i",
  ѕ: "s",
  ԁ: "d",
  ո: "n",
  υ: "u",
  ο: "o",
  α: "a",
};

/** A text as eyes take it: without what has no width, every letter for what it looks like. */
function look(text: string): string {
  const seen = text.normalize("NFKC").replaceAll(/[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu, "");
  return seen.replaceAll(/./gu, (letter) => LOOKS[letter] ?? letter).replaceAll(/\s+/g, " ");
}

/** Allows what was meant, as often as it was meant, by what the prompt looks like: `glance` is how much of it is read. */
export function careful(intended: readonly Call[], glance = Number.POSITIVE_INFINITY): Person {
  const left = [...intended];
  return ({ tool, source, arguments: shown }) => {
    const at = left.findIndex(([name, input]) => {
      const canonical = canonicalJson(input);
      const isIts = tool === name && !source.startsWith("@evil/");
      const forms = [canonical, shownArguments(canonical)].map((form) => look(form).slice(0, glance));
      return isIts && forms.includes(look(shown).slice(0, glance));
    });
    if (at < 0) return "deny";
    left.splice(at, 1);
    return "allow";
  };
}

/** Reads no more than the first screen. */
export const skimming = (intended: readonly Call[]): Person => careful(intended, SCREEN);

/** Careful until it was too often. */
export function tired(intended: readonly Call[]): Person {
  const fresh = careful(intended);
  let asked = 0;
  return (one) => (++asked > PATIENCE ? "allow" : fresh(one));
}

export const hasty: Person = () => "allow";
