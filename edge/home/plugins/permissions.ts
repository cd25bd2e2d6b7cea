import { PorchlightError } from "../../../shared/errors.ts";
import type { Permissions } from "../../../shared/plugin/manifest.ts";

/** Throws PorchlightError `invalid_request` where more would be granted than the plugin asks for. */
export function requireWithin(granted: Permissions, asked: Permissions): Permissions {
  const lists = ["net", "secrets", "tools"] as const;
  const isWithin =
    lists.every((list) => granted[list].every((one) => asked[list].includes(one))) &&
    (asked.model || !granted.model) &&
    (asked.files || !granted.files) &&
    (asked.turns === "read" || granted.turns === undefined) &&
    (asked.schedule === true || granted.schedule === undefined) &&
    granted.storageBytes <= asked.storageBytes;
  if (isWithin) return granted;
  const sentence = "No more can be granted than the plugin asks for in its manifest.";
  throw new PorchlightError("invalid_request", sentence, { param: "permissions" });
}
