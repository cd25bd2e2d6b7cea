import { z } from "zod";
import { PorchlightError } from "../errors.ts";
import { canonicalJson } from "../plugin/canonical.ts";
import { toHex } from "../plugin/hex.ts";
import type { ToolSchema } from "../plugin/schema-type.ts";
import { MOUNT_LIMITS } from "./limits.ts";
import { reduceSchema } from "./reduce-schema.ts";

/** A tool of a mounted server, as its person consents to it. */
export interface MountedTool {
  name: string;
  title: string;
  description: string;
  input: ToolSchema;
  /** `read` only where the server says so: whatever says nothing may write. */
  effect: "read" | "write";
  /** Of all that a person reads and a model goes by: another one is another consent. */
  digest: string;
}

/** As it crosses the tunnel; the edge reads what a machine says as anybody's word. */
export const mountedToolSchema = z.object({
  name: z.string().min(1).max(128),
  title: z.string().max(256),
  description: z.string().max(MOUNT_LIMITS.descriptionCharacters),
  input: z.record(z.string(), z.unknown()).transform((schema) => reduceSchema(schema)),
  effect: z.enum(["read", "write"]),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});

/** What of a server's word is read; the rest is not. */
const saidSchema = z.object({
  name: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  title: z.string().optional(),
  description: z.string().default(""),
  inputSchema: z.unknown(),
  annotations: z.object({ title: z.string().optional(), readOnlyHint: z.boolean().optional() }).optional(),
});

/** Throws PorchlightError `mcp_failed` for a tool that cannot be offered. */
export async function mountedTool(said: unknown): Promise<MountedTool> {
  try {
    const { name, title, description, inputSchema, annotations } = saidSchema.parse(said);
    const tool = {
      name,
      title: (title ?? annotations?.title ?? name).slice(0, 256).toWellFormed(),
      description: description.slice(0, MOUNT_LIMITS.descriptionCharacters).toWellFormed(),
      input: reduceSchema(inputSchema),
      effect: annotations?.readOnlyHint === true ? ("read" as const) : ("write" as const),
    };
    return { ...tool, digest: await digestOf(tool) };
  } catch (cause) {
    throw new PorchlightError("mcp_failed", "The server offers a tool that is none, or far too large.", { cause });
  }
}

/** One digest for all of a server's tools. */
export async function toolsDigest(tools: readonly MountedTool[]): Promise<string> {
  return await digestOf(tools.map(({ digest }) => digest).toSorted());
}

async function digestOf(value: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(canonicalJson(value));
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}
