import { z } from "zod";
import { errorBody } from "../../../shared/api/errors.ts";
import { PorchlightError, type WireError, wireErrorSchema } from "../../../shared/errors.ts";
import { generateEventSchema } from "../../../shared/inference/event.ts";
import type { BatchTable, StoredLine } from "./batch-table.ts";
import { answerOf } from "./line.ts";

const eventsSchema = z.array(generateEventSchema);

/** A line that nobody came to: the batch was cancelled, or its time was over. */
export const UNASKED = {
  cancelled: { code: "batch_cancelled", message: "The batch was cancelled before this line was answered." },
  expired: { code: "batch_expired", message: "The batch's time was over before this line was answered." },
} as const;
const unaskedSchema = z.object({ code: z.enum(["batch_cancelled", "batch_expired"]), message: z.string() });

/** The lines of a batch's two files: what was answered, and what was not. */
export async function resultFiles(
  table: BatchTable,
  { id, createdAtMs }: { id: string; createdAtMs: number },
): Promise<{ output: string; errors: string }> {
  const files = { output: "", errors: "" };
  for (let line = table.line(id, 0); line !== undefined; line = table.line(id, line.line)) {
    const requestId = `${id.slice("batch_".length)}${line.line.toString(16).padStart(4, "0")}`;
    const { isAnswer, ...result } = await resultOf(line, requestId, createdAtMs);
    const text = `${JSON.stringify({ id: `batch_req_${requestId}`, custom_id: line.request.customId, ...result })}\n`;
    if (isAnswer) files.output += text;
    else files.errors += text;
  }
  return files;
}

async function resultOf({ state, request, outcome }: StoredLine, id: string, createdAtMs: number) {
  if (state === "failed") {
    const unasked = unaskedSchema.safeParse(outcome);
    if (unasked.success) return { isAnswer: false, response: null, error: unasked.data };
    return refused(id, wireErrorSchema.parse(outcome));
  }
  try {
    const body = await answerOf(request, { id, createdAtMs, events: eventsSchema.parse(outcome) });
    return { isAnswer: true, response: { status_code: 200, request_id: id, body }, error: null };
  } catch (error) {
    return refused(id, PorchlightError.from(error).toWire());
  }
}

/** As a client would have had it that asked by itself. */
function refused(id: string, wire: WireError) {
  const error = PorchlightError.fromWire(wire);
  return {
    isAnswer: false,
    response: { status_code: error.status, request_id: id, body: errorBody(error) },
    error: null,
  };
}
