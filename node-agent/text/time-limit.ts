import { createContext, Script } from "node:vm";

/** The one thing in this context is the work at hand; the work itself runs in our own realm. */
const context: { work?: () => void } = createContext(Object.create(null));
const call = new Script("work()");

/**
 * Runs `work` and returns its result; ends it where it is after `limitMs`, even inside of a regular expression, and throws `tooSlow()`. Costs
 * some tenths of a millisecond. For what files of models bring along to be executed: expressions that cut text, templates.
 */
export function withTimeLimit<T>(limitMs: number, work: () => T, tooSlow: () => Error): T {
  const results: T[] = [];
  context.work = () => void results.push(work());
  try {
    call.runInContext(context, { timeout: Math.ceil(limitMs) });
  } catch (error) {
    if (isTimeout(error)) throw tooSlow();
    throw error;
  } finally {
    delete context.work;
  }
  const [result] = results;
  // The cast: the work returned, so that its result was pushed, though it may be undefined.
  return result as T;
}

/** The error comes from the other realm, where it is no instance of our Error. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}
