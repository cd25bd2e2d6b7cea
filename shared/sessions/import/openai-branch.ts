import type { Converted } from "./conversation.ts";
import { ImportError } from "./problem.ts";
import { isObject, type JsonObject, textOf } from "./text.ts";
import { timeMs } from "./times.ts";

/**
 * The messages from the root to the current node, those that are there. Throws ImportError where parents lead in a circle. A missing current
 * node is guessed: the leaf that was written last.
 */
export function currentBranch(
  mapping: JsonObject,
  currentNode: string | undefined,
  notes: Converted["notes"],
): unknown[] {
  const isThere = currentNode !== undefined && isObject(ownNode(mapping, currentNode));
  const leaf = isThere ? currentNode : latestLeaf(mapping);
  if (leaf === undefined) throw new ImportError("no_messages");
  if (!isThere) notes.push({ code: "branch_guessed" });
  const branch: unknown[] = [];
  const seen = new Set<string>();
  let next: string | undefined = leaf;
  while (next !== undefined) {
    if (seen.has(next)) throw new ImportError("circle");
    seen.add(next);
    const node = ownNode(mapping, next);
    if (!isObject(node)) {
      notes.push({ code: "broken_branch" });
      break;
    }
    if (node.message !== null && node.message !== undefined) branch.push(node.message);
    next = textOf(node.parent);
  }
  return branch.toReversed();
}

function ownNode(mapping: JsonObject, id: string): unknown {
  return Object.hasOwn(mapping, id) ? mapping[id] : undefined;
}

/** Of the nodes that nothing answers, the one with the latest message; the last of the file among equals. */
function latestLeaf(mapping: JsonObject): string | undefined {
  const parents = new Set(Object.values(mapping).map((node) => (isObject(node) ? node.parent : undefined)));
  let latest: { id: string; atMs: number } | undefined;
  for (const [id, node] of Object.entries(mapping)) {
    if (!isObject(node) || parents.has(id)) continue;
    const atMs = isObject(node.message) ? (timeMs(node.message.create_time) ?? 0) : -1;
    if (latest === undefined || atMs >= latest.atMs) latest = { id, atMs };
  }
  if (latest === undefined && Object.values(mapping).some(isObject)) throw new ImportError("circle");
  return latest?.id;
}
