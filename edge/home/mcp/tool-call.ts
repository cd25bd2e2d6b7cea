import { z } from "zod";
import { prioritySchema } from "../../../shared/inference/request.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { CALL_LIMITS } from "../../../shared/plugin/limits.ts";
import { callerSchema } from "../../credentials/key-grant.ts";
import type { ToolOutcome } from "../plugins/tool-box.ts";

/** How the Worker has the Home object call a tool: over fetch, because only there a client's leaving crosses at once. */
const PATH = "/tool-call";

export const toolCallSchema = z.object({
  id: z.string().min(1).max(128),
  userId: z.string().min(1).max(128),
  tool: z.string().min(1).max(64),
  input: z.unknown(),
  caller: z.object({ locale: z.enum(["en", "zh-CN"]), timeZone: z.string().max(64) }),
  payer: z.object({
    caller: callerSchema,
    models: z.array(z.string()).readonly().nullable(),
    priority: prioritySchema,
  }),
  /** By which it can be taken back. */
  cancelKey: z.string().max(256).optional(),
});
export type ToolCallRequest = z.infer<typeof toolCallSchema>;

const outcomeSchema: z.ZodType<ToolOutcome> = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.object({ code: z.string(), message: z.string() }) }),
]);
const lineSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("progress"), done: z.number(), words: z.string().optional() }),
  z.object({ type: z.literal("outcome"), outcome: outcomeSchema }),
]);
export type ToolCallLine = z.infer<typeof lineSchema>;

/** JSON of the longest outcome: escapes may make six characters of one. */
const MOST_LINE_CHARACTERS = 8 * CALL_LIMITS.outputBytes;

export function isToolCall(request: Request): boolean {
  return new URL(request.url).pathname === PATH;
}

export function encodeToolCall(call: ToolCallRequest, signal: AbortSignal): Request {
  return new Request(`https://home${PATH}`, { method: "POST", body: JSON.stringify(call), signal });
}

export async function decodeToolCall(request: Request): Promise<ToolCallRequest> {
  return toolCallSchema.parse(await request.json());
}

/** The lines of an answer until its outcome. Throws PorchlightError `edge_restarting` when they end before it. */
export async function readOutcome(
  response: Response,
  onProgress: ((done: number, words?: string) => void) | undefined,
): Promise<ToolOutcome> {
  if (!response.ok || response.body === null) throw new PorchlightError("plugin_failed");
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MOST_LINE_CHARACTERS) throw new PorchlightError("plugin_failed", "The result is too large.");
    for (const line of lines) {
      const said = lineSchema.parse(JSON.parse(line));
      if (said.type === "outcome") return said.outcome;
      onProgress?.(said.done, said.words);
    }
  }
  throw new PorchlightError("edge_restarting");
}
