import { RpcTarget } from "cloudflare:workers";
import type { Capability } from "../../../../shared/plugin/host/capability.ts";
import { CALL_LIMITS, MOST_VALUE_BYTES } from "../../../../shared/plugin/limits.ts";

/** All that one call may use, as its isolate reaches it. Once the call has ended, whatever the plugin kept of this is worth nothing. */
export class Capabilities extends RpcTarget {
  // Private fields: nothing of an RpcTarget but its methods can be reached, and these not even by name.
  readonly #granted: ReadonlyMap<string, Capability>;
  #left: number = CALL_LIMITS.capabilityCalls;

  constructor(granted: ReadonlyMap<string, Capability>) {
    super();
    this.#granted = granted;
  }

  /** A capability by its name, as shared/plugin/guest/shim.ts asks: argument and answer are JSON, with bytes beside. */
  async use(name: unknown, argument: unknown, bytes: unknown): Promise<{ text: string; bytes: Uint8Array }> {
    if (typeof name !== "string" || typeof argument !== "string") throw new TypeError("Not a use of a capability.");
    const content = bytes instanceof Uint8Array ? bytes.slice() : new Uint8Array();
    if (argument.length > CALL_LIMITS.inputBytes || content.length > MOST_VALUE_BYTES)
      throw new RangeError("That is too large.");
    if (--this.#left < 0) throw new RangeError("This call has used its capabilities too often.");
    const granted = this.#granted.get(name);
    if (granted === undefined) throw new Error("This was not granted.");
    const { value, bytes: answer = new Uint8Array() } = await granted(JSON.parse(argument), content);
    return { text: JSON.stringify(value ?? null), bytes: answer };
  }

  end(): void {
    this.#left = 0;
  }
}
