import { z } from "zod";

/** Base64url of at most so many characters. */
const base64url = (characters: number) =>
  z
    .string()
    .min(1)
    .max(characters)
    .regex(/^[A-Za-z0-9_-]+$/);

/** WebAuthn allows ids of 1023 bytes. */
const credentialId = base64url(1364);
const clientDataJSON = base64url(4096);
const TRANSPORTS = ["ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"] as const;

/** Extensions are not used, nor is the kind of attachment: what else the browser says is dropped. */
const common = {
  id: credentialId,
  rawId: credentialId,
  type: z.literal("public-key"),
};

/** What `navigator.credentials.create` gave, as the browser's JSON. Attestations with certificate chains are the largest part. */
export const registrationSchema = z.object({
  ...common,
  response: z.object({
    clientDataJSON,
    attestationObject: base64url(64 * 1024),
    // Browsers may know more ways than are known here: those are dropped, they are hints.
    transports: z
      .array(z.string().max(32))
      .max(16)
      .transform((names) => TRANSPORTS.filter((known) => names.includes(known)))
      .optional(),
  }),
});
export type Registration = z.infer<typeof registrationSchema>;

/** What `navigator.credentials.get` gave. */
export const assertionSchema = z.object({
  ...common,
  response: z.object({
    clientDataJSON,
    authenticatorData: base64url(8192),
    signature: base64url(4096),
    userHandle: base64url(128).nullish(),
  }),
});
export type Assertion = z.infer<typeof assertionSchema>;

/** The part of `clientDataJSON` that finds the ceremony. */
export const clientDataSchema = z.object({ challenge: z.string().min(16).max(128) });
