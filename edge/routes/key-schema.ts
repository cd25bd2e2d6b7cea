import { z } from "@hono/zod-openapi";
import { prioritySchema } from "../../shared/inference/request.ts";
import { type Scope, SCOPES, parseScopes } from "../access/scopes.ts";
import { keyLimitsSchema, modelPatternsSchema, NO_LIMITS } from "../credentials/key-grant.ts";
import { grantOf } from "../credentials/stored-grant.ts";
import type { ApiKeyRow } from "../store/api-keys.ts";
import { personNameSchema } from "./person-schema.ts";

const DAY_MS = 24 * 3600_000;
/** Longer is for ever. */
const MOST_DAYS = 3660;

const limits = z.strictObject({
  requestsPerMinute: keyLimitsSchema.shape.requestsPerMinute.default(null),
  tokensPerDay: keyLimitsSchema.shape.tokensPerDay.default(null),
  nodeSecondsPerDay: keyLimitsSchema.shape.nodeSecondsPerDay.default(null),
});
const models = z.array(z.string()).pipe(modelPatternsSchema).nullable();
const priority = z.enum(prioritySchema.options);

/** The body of POST /api/keys. */
export const newKeySchema = z
  .strictObject({
    name: personNameSchema,
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .max(SCOPES.length)
      .default(["inference"])
      .openapi({ description: "What the key is for. `admin` is all that its person may do." }),
    expiresInDays: z
      .number()
      .int()
      .min(1)
      .max(MOST_DAYS)
      .nullable()
      .default(null)
      .openapi({ description: "Null: it does not expire." }),
    models: models
      .default(null)
      .openapi({ description: "Names of the models it may use; `qwen*` is all that begin so. Null: every model." }),
    priority: priority.default("normal").openapi({ description: "Share of a busy machine." }),
    limits: limits.default(NO_LIMITS).openapi({ description: "Null: no limit. Days are those of UTC." }),
  })
  .openapi("NewKey", { example: { name: "Editor", scopes: ["inference"], limits: { requestsPerMinute: 60 } } });

/** The body of PATCH /api/keys/{id}: what is absent stays. */
export const keyChangeSchema = z
  .strictObject({
    name: personNameSchema.optional(),
    models: models.optional(),
    priority: priority.optional(),
    limits: z.strictObject(keyLimitsSchema.shape).partial().optional(),
  })
  .openapi("KeyChange");

export const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string().openapi({ description: "How the key begins." }),
    person: z.string().openapi({ description: "Whose key it is." }),
    scopes: z.array(z.enum(SCOPES)),
    models: z.array(z.string()).nullable(),
    priority,
    limits: z.object(keyLimitsSchema.shape),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .openapi("Key");
export type Key = z.infer<typeof keySchema>;

/** A stored key as the API and the pages show it. */
export function shownKey(key: ApiKeyRow, person: string): Key {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    person,
    scopes: parseScopes(key.scope),
    models: grantOf(key).models?.slice() ?? null,
    priority: key.priority,
    limits: grantOf(key).limits,
    createdAt: new Date(key.createdAt).toISOString(),
    expiresAt: toIso(key.expiresAt),
    lastUsedAt: toIso(key.lastUsedAt),
  };
}

/** When a key that lasts so many days ends; null: never. */
export function expiryOf(days: number | null, nowMs: number): number | null {
  return days === null ? null : nowMs + days * DAY_MS;
}

/** Scopes as they are stored: each once, in one order. */
export function storedScopes(scopes: readonly Scope[]): string {
  return SCOPES.filter((scope) => scopes.includes(scope)).join(" ");
}

function toIso(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}
