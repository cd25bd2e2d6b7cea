import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { refusal } from "../link/edge-request.ts";

const TIMEOUT_MS = 60_000;

/** A market, and a key of who asks it. */
export interface MarketAccess {
  origin: string;
  apiKey: string;
}

interface Asked<T> {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** JSON, or the bytes of a package. */
  body?: object | Uint8Array<ArrayBuffer>;
  schema: z.ZodType<T>;
  /** What could not be done, for a refusal without a sentence of its own: "publish this plugin". */
  what: string;
}

/** One request of the market's API. Throws PorchlightError with the market's own sentence, or `edge_unreachable`. */
export async function askMarket<T>({ origin, apiKey }: MarketAccess, path: string, asked: Asked<T>): Promise<T> {
  const { method = "GET", body, schema, what } = asked;
  const isBytes = body instanceof Uint8Array;
  let response: Response;
  try {
    response = await fetch(new URL(path, origin), {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" }),
      },
      ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw new PorchlightError("edge_unreachable", `The market at ${origin} could not be reached.`, { cause });
  }
  const answer: unknown = await response.json().catch(() => undefined); // some proxy's page
  if (!response.ok) throw refusal(origin, { ok: false, status: response.status, body: answer }, what);
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new PorchlightError("edge_unreachable", `${origin} answered, but not as a market does.`, {
    cause: parsed.error,
  });
}

const heldSchema = z.object({ keyId: z.string(), publicKey: z.string().regex(/^[0-9a-f]{64}$/) });
export const marketTrustSchema = z.object({
  ready: z.boolean(),
  keys: z.object({ targets: heldSchema, snapshot: heldSchema, timestamp: heldSchema }).nullable(),
  rootVersion: z.int().nullable(),
  rootExpires: z.string().nullable(),
});
export type MarketTrust = z.infer<typeof marketTrustSchema>;

export const publisherSchema = z.object({
  id: z.string(),
  name: z.string(),
  namespaces: z.array(z.string()),
  keys: z.array(z.object({ publicKey: z.string(), revokedAt: z.string().nullable() })),
});
export type OwnPublisher = z.infer<typeof publisherSchema>;

export const ownVersionSchema = z.object({
  id: z.string(),
  plugin: z.string(),
  version: z.string(),
  state: z.string(),
  words: z.string(),
  hash: z.string(),
  findings: z
    .array(
      z.object({ severity: z.string(), message: z.string(), path: z.string(), line: z.int(), excerpt: z.string() }),
    )
    .default([]),
});
export type OwnVersion = z.infer<typeof ownVersionSchema>;
