import { PorchlightError } from "../../../shared/errors.ts";
import type { ToolBox, ToolOutcome } from "../plugins/tool-box.ts";
import { type ToolCallLine, decodeToolCall } from "./tool-call.ts";

const encoder = new TextEncoder();

/** Calls of tools that the Worker asks for: each is one answer of lines, and ends when its reader leaves or takes it back. */
export class ToolCalls {
  readonly #box: ToolBox;
  readonly #underWay = new Map<string, AbortController>();

  constructor(box: ToolBox) {
    this.#box = box;
  }

  async answer(request: Request): Promise<Response> {
    const { cancelKey, ...call } = await decodeToolCall(request);
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const stop = new AbortController();
    // The reader left.
    writer.closed.catch(() => stop.abort());
    request.signal.addEventListener("abort", () => stop.abort(), { once: true });
    if (cancelKey !== undefined) this.#underWay.set(cancelKey, stop);
    const say = (line: ToolCallLine): void => {
      writer.write(encoder.encode(`${JSON.stringify(line)}\n`)).catch(() => stop.abort());
    };
    const onProgress = (done: number, words?: string): void =>
      say({ type: "progress", done, ...(words === undefined ? {} : { words }) });
    const work = async (): Promise<void> => {
      const outcome = await this.#box
        .call({ ...call, signal: stop.signal, onProgress })
        .catch((error: unknown): ToolOutcome => {
          // A fault of ours, not of the tool: its caller must not wait for ever.
          console.error(`tools: ${call.tool} could not be called:`, error);
          const { code, message } = PorchlightError.from(error);
          return { ok: false, error: { code, message } };
        });
      if (cancelKey !== undefined && this.#underWay.get(cancelKey) === stop) this.#underWay.delete(cancelKey);
      say({ type: "outcome", outcome });
      await writer.close().catch(() => undefined); // The reader left meanwhile: there is nobody to tell.
    };
    void work();
    return new Response(readable);
  }

  /** Takes a call back. Returns whether it was under way. */
  cancel(cancelKey: string): boolean {
    const call = this.#underWay.get(cancelKey);
    call?.abort();
    return call !== undefined;
  }
}
