import { z } from "zod";
import type { ApiKeyRow } from "../store/api-keys.ts";
import type { KeyGrant } from "./key-grant.ts";

const storedModels = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(z.array(z.string()))
  .nullable();

/** The models that a stored key may use; null: all. */
export function modelsOf(key: Pick<ApiKeyRow, "models">): string[] | null {
  return storedModels.parse(key.models);
}

/** What a stored key may use. */
export function grantOf(key: ApiKeyRow): KeyGrant {
  const { id, updatedAt: version, priority, requestsPerMinute, tokensPerDay, nodeSecondsPerDay } = key;
  return {
    id,
    version,
    priority,
    models: modelsOf(key),
    limits: { requestsPerMinute, tokensPerDay, nodeSecondsPerDay },
  };
}
