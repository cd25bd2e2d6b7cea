import { z } from "zod";
import { PorchlightError } from "../errors.ts";

export const REVOCATION_REASONS = ["malware", "vulnerable", "key_stolen", "legal", "publisher"] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** The target of the market's metadata that lists them. */
export const REVOCATIONS_PATH = "revocations.json";
/** How often agents and edges ask for it. */
export const REVOCATION_POLL_MS = 15 * 60_000;

export const revocationSchema = z.strictObject({
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string().max(90),
  version: z.string().max(64),
  reason: z.enum(REVOCATION_REASONS),
  words: z.string().max(500),
  at: z.int().nonnegative(),
});
export type Revocation = z.infer<typeof revocationSchema>;

/** More than ever were, and still one small file. */
const MOST = 10_000;
export const revocationListSchema = z.strictObject({ revocations: z.array(revocationSchema).max(MOST) });

/** The packages that a market took back, by hash: what runs plugins asks it before every call. */
export class Revoked {
  readonly #byHash: ReadonlyMap<string, Revocation>;

  constructor(revocations: Iterable<Revocation>) {
    this.#byHash = new Map([...revocations].map((revocation) => [revocation.hash, revocation]));
  }

  /** Throws PorchlightError `plugin_revoked` with the market's words. */
  check(hash: string): void {
    const revocation = this.#byHash.get(hash);
    if (revocation !== undefined) throw revokedError(revocation);
  }
}

export function revokedError({ name, version, reason, words }: Revocation): PorchlightError {
  const why = words === "" ? reason.replaceAll("_", " ") : words;
  return new PorchlightError("plugin_revoked", `The market took back ${name} ${version}: ${why}`);
}
