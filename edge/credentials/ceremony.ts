import { fromBase64Url } from "../../shared/protocol/base64url.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { type Ceremony, type CeremonyKind, putCeremony, takeCeremony } from "../store/ceremonies.ts";
import type { Database } from "../store/database.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";
import { clientDataSchema } from "./passkey-schema.ts";
import { hashSecret } from "./secret.ts";

/** Keeps the challenge of a ceremony that begins: only its hash, for five minutes. */
export async function beginCeremony(
  db: Database,
  kind: CeremonyKind,
  challenge: string,
  about: { subject?: string; name?: string } = {},
): Promise<void> {
  const expiresAt = Date.now() + CREDENTIAL_LIMITS.ceremonyMs;
  const { subject = null, name = null } = about;
  await putCeremony(db, { hash: await hashSecret(challenge), kind, subject, name, expiresAt });
}

/**
 * The ceremony that an answer belongs to, and its challenge. It is used up by this, so that no answer counts twice and none is tried
 * again. Throws `passkey_rejected` if there is none.
 */
export async function endCeremony(
  db: Database,
  kind: CeremonyKind,
  clientDataJSON: string,
): Promise<Ceremony & { challenge: string }> {
  const challenge = challengeOf(clientDataJSON);
  const ceremony = await takeCeremony(db, await hashSecret(challenge), kind, Date.now());
  if (!ceremony) throw new PorchlightError("passkey_rejected", "This took too long, or was sent twice. Try again.");
  return { ...ceremony, challenge };
}

function challengeOf(clientDataJSON: string): string {
  try {
    const bytes = fromBase64Url(clientDataJSON) ?? new Uint8Array();
    return clientDataSchema.parse(JSON.parse(new TextDecoder().decode(bytes))).challenge;
  } catch (cause) {
    throw new PorchlightError("passkey_rejected", undefined, { cause });
  }
}
