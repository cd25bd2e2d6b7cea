import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { fromBase64Url, toBase64Url } from "../../shared/protocol/base64url.ts";
import type { NewPasskey } from "../store/passkeys.ts";
import type { passkeys } from "../store/schema.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";
import type { Assertion, Registration } from "./passkey-schema.ts";
import type { RelyingParty } from "./relying-party.ts";

type Passkey = typeof passkeys.$inferSelect;

/** Written by `checkRegistration` from the schema's own list. */
const transportsSchema = z.array(z.string());
const NAME = "Porchlight";

/** What a browser needs to make a passkey that can be found without a name, and that asks for face, finger or PIN. */
export async function registrationOptions(
  party: RelyingParty,
  person: { id: string; name: string; passkeys: Pick<Passkey, "id" | "transports">[] },
) {
  return await generateRegistrationOptions({
    rpName: NAME,
    rpID: party.id,
    userName: person.name,
    userDisplayName: person.name,
    userID: Uint8Array.from(new TextEncoder().encode(person.id)),
    timeout: CREDENTIAL_LIMITS.ceremonyMs,
    attestationType: "none",
    excludeCredentials: person.passkeys.map(describe),
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
  });
}

/** What a browser needs to use one of `allowed`, or without it any passkey it has for this edge. */
export async function assertionOptions(party: RelyingParty, allowed: Pick<Passkey, "id" | "transports">[] = []) {
  return await generateAuthenticationOptions({
    rpID: party.id,
    timeout: CREDENTIAL_LIMITS.ceremonyMs,
    userVerification: "required",
    ...(allowed.length === 0 ? {} : { allowCredentials: allowed.map(describe) }),
  });
}

/** Checks a new passkey. Throws `passkey_rejected`. */
export async function checkRegistration(
  party: RelyingParty,
  challenge: string,
  response: Registration,
  name: string,
): Promise<NewPasskey> {
  const { verified, registrationInfo } = await rejecting(() =>
    verifyRegistrationResponse({
      response: {
        ...common(response),
        response: { ...response.response, transports: response.response.transports ?? [] },
      },
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
    }),
  );
  if (!verified) throw new PorchlightError("passkey_rejected");
  const { credential, aaguid, credentialBackedUp } = registrationInfo;
  return {
    id: credential.id,
    name,
    publicKey: toBase64Url(credential.publicKey),
    counter: credential.counter,
    transports: JSON.stringify(response.response.transports ?? []),
    aaguid,
    backedUp: credentialBackedUp,
  };
}

/**
 * Checks a signature by a passkey, but for its counter. Returns that counter and whether the passkey is backed up. Throws
 * `passkey_rejected`.
 */
export async function checkAssertion(
  party: RelyingParty,
  challenge: string,
  response: Assertion,
  passkey: Passkey,
): Promise<{ counter: number; backedUp: boolean }> {
  const { userHandle, clientDataJSON, authenticatorData, signature } = response.response;
  const publicKey = fromBase64Url(passkey.publicKey);
  if (!publicKey) throw new Error("A stored passkey is damaged.");
  if (typeof userHandle === "string" && userHandle !== toBase64Url(new TextEncoder().encode(passkey.userId))) {
    throw new PorchlightError("passkey_rejected");
  }
  const { verified, authenticationInfo } = await rejecting(() =>
    verifyAuthenticationResponse({
      response: {
        ...common(response),
        response: { clientDataJSON, authenticatorData, signature },
      },
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      // The counter is compared where it is stored (`usePasskey`), in one step with being replaced.
      credential: { id: passkey.id, publicKey, counter: 0 },
    }),
  );
  if (!verified) throw new PorchlightError("passkey_rejected");
  return { counter: authenticationInfo.newCounter, backedUp: authenticationInfo.credentialBackedUp };
}

function describe({ id, transports }: Pick<Passkey, "id" | "transports">) {
  return { id, transports: transportsSchema.parse(JSON.parse(transports)) };
}

function common({ id, rawId, type }: Registration | Assertion) {
  return { id, rawId, type, clientExtensionResults: {} };
}

/** The library throws plain errors at whatever is wrong with an answer. */
async function rejecting<T>(check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (cause) {
    throw new PorchlightError("passkey_rejected", undefined, { cause });
  }
}
