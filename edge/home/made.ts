import { PorchlightError, type WireError } from "../../shared/errors.ts";

/** What was made, or why not: errors do not cross from object to Worker as what they are. */
export type Made<T> = { made: T } | { error: WireError };

/** Makes it in the object. Only PorchlightErrors are answers; the rest is thrown on. */
export function made<T>(make: () => T): Made<T> {
  try {
    return { made: make() };
  } catch (error) {
    if (!(error instanceof PorchlightError)) throw error;
    return { error: error.toWire() };
  }
}

/** What was made, in the Worker. Throws PorchlightError where it was not. */
export function takeMade<T>(answer: Made<T>): T {
  if ("error" in answer) throw PorchlightError.fromWire(answer.error);
  return answer.made;
}

/** `made` of what takes its time. */
export async function madeLater<T>(make: () => Promise<T>): Promise<Made<T>> {
  try {
    return { made: await make() };
  } catch (error) {
    if (!(error instanceof PorchlightError)) throw error;
    return { error: error.toWire() };
  }
}
