import { z } from "zod";
import { concatBytes } from "../bytes.ts";
import { PorchlightError, wireErrorSchema } from "../errors.ts";
import { CALL_LIMITS } from "./limits.ts";

/** What a line may hold at most: a file that a plugin reads, as base64, and some. */
export const MOST_LINE_BYTES = 12 * 1024 * 1024;
/** Of a package's bytes in one line. */
export const PACKAGE_PART_BYTES = 512 * 1024;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
/** Whose isolate: two people never share one. */
const owner = z.string().min(1).max(128);
const useId = z.int().min(0).max(1_000_000);
/** Base64 of at most what a line holds. */
const bytes = z.string().max(MOST_LINE_BYTES);

/** From the edge, as the lines of a stream of kind `plugin`. */
export const edgeLineSchema = z.discriminatedUnion("type", [
  /** The first: what its code says of its tools. */
  z.object({ type: z.literal("describe"), hash, owner }),
  /** The first: a call of one. */
  z.object({
    type: z.literal("call"),
    hash,
    owner,
    tool: z.string().max(64),
    /** JSON. */
    input: z.string().max(CALL_LIMITS.inputBytes),
    caller: z.object({ locale: z.enum(["en", "zh-CN"]), timeZone: z.string().max(64) }),
    grants: z.array(z.enum(["fetch", "storage", "secret", "model", "files", "hostTool"])),
    /** The hosts of `fetch`, which the machine does itself. */
    net: z.array(z.string().max(253)).max(32),
    wallTimeMs: z.int().min(1).max(600_000),
  }),
  /** Asked for by `need`: the next of the package's bytes. */
  z.object({ type: z.literal("package"), bytes, isLast: z.boolean() }),
  /** What a use came to. */
  z.object({ type: z.literal("answer"), use: useId, value: z.unknown().optional(), bytes: bytes.optional() }),
  z.object({ type: z.literal("refusal"), use: useId, message: z.string().max(2_000) }),
]);
export type EdgeLine = z.infer<typeof edgeLineSchema>;

/** From the machine. */
export const machineLineSchema = z.discriminatedUnion("type", [
  /** It does not have the package. */
  z.object({ type: z.literal("need") }),
  /** The plugin uses a capability of the edge's. */
  z.object({
    type: z.literal("use"),
    use: useId,
    capability: z.string().max(32),
    argument: z.unknown(),
    bytes: bytes.optional(),
  }),
  /** The last: JSON. */
  z.object({ type: z.literal("done"), value: z.string().max(2 * CALL_LIMITS.outputBytes) }),
  /** The last, in place of `done`. */
  z.object({ type: z.literal("failed"), error: wireErrorSchema }),
]);
export type MachineLine = z.infer<typeof machineLineSchema>;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NEWLINE = 10;

/** A line as bytes. */
export function encodeLine(line: EdgeLine | MachineLine): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`);
}

/** The lines of a stream. Throws PorchlightError `invalid_request` for what is none, or too long. */
export async function* readLines<Schema extends z.ZodType>(
  incoming: AsyncIterable<Uint8Array>,
  schema: Schema,
): AsyncGenerator<z.output<Schema>, void, void> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const piece of incoming) {
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
      held.push(piece.subarray(from, end));
      yield parseLine(held, schema);
      held = [];
      size = 0;
      from = end + 1;
    }
    // A copy: frames of one message share a buffer.
    if (from < piece.length) held.push(piece.slice(from));
    size += piece.length - from;
    if (size > MOST_LINE_BYTES) throw new PorchlightError("invalid_request", "A line of a plugin's call is too long.");
  }
}

function parseLine<Schema extends z.ZodType>(parts: Uint8Array[], schema: Schema): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(concatBytes(parts)));
  } catch (cause) {
    throw new PorchlightError("invalid_request", "A line of a plugin's call is not JSON.", { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PorchlightError("invalid_request", "A line of a plugin's call is not understood.", { cause: parsed.error });
}
