import { createTwoFilesPatch, diffLines, diffWordsWithSpace } from "diff";
import { cut } from "../shared/text.ts";

export interface Comparison {
  identical: boolean;
  added: number;
  removed: number;
  changes: string;
  truncated: boolean;
}

const MOST_SHOWN = 8_000;
const MOST_TIME_MS = 2_000;
/** Around a change of words. */
const CONTEXT = 40;

/** Lines that changed, as a unified diff. Throws RangeError for texts that have too little in common to be compared in seconds. */
export function compareLines(before: string, after: string, names: readonly [string, string]): Comparison {
  const [one, other] = [before, after].map((text) => text.replaceAll("\r\n", "\n"));
  const parts = diffLines(one ?? "", other ?? "", { timeout: MOST_TIME_MS });
  const patch = createTwoFilesPatch(names[0], names[1], one ?? "", other ?? "", "", "", {
    context: 2,
    timeout: MOST_TIME_MS,
  });
  if (parts === undefined || patch === undefined) throw tooDifferent();
  return shown(parts, patch.split("\n").slice(1).join("\n"));
}

/** Words that changed, as [-old-]{+new+} with what stands around them. */
export function compareWords(before: string, after: string): Comparison {
  const parts = diffWordsWithSpace(before, after, { timeout: MOST_TIME_MS });
  if (parts === undefined) throw tooDifferent();
  const texts = parts.map(({ value, added, removed }, index) => {
    if (added) return `{+${value}+}`;
    if (removed) return `[-${value}-]`;
    if (value.length <= CONTEXT * 3) return value;
    const start = index === 0 ? "" : value.slice(0, CONTEXT);
    return `${start} … ${index === parts.length - 1 ? "" : value.slice(-CONTEXT)}`;
  });
  return shown(parts, texts.join(""));
}

function shown(parts: readonly { added: boolean; removed: boolean; count: number }[], text: string): Comparison {
  const count = (of: "added" | "removed"): number => parts.reduce((sum, part) => sum + (part[of] ? part.count : 0), 0);
  const [added, removed] = [count("added"), count("removed")];
  const identical = added + removed === 0;
  return {
    identical,
    added,
    removed,
    changes: identical ? "" : cut(text, MOST_SHOWN),
    truncated: !identical && text.length > MOST_SHOWN,
  };
}

function tooDifferent(): RangeError {
  return new RangeError("The texts have too little in common to be compared in seconds. Compare smaller parts.");
}
