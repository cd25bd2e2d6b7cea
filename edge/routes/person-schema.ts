import { z } from "@hono/zod-openapi";

/** What a person is called, and signs in with where there are passwords. */
export const personNameSchema = z
  .string()
  .max(256)
  .transform((text) => text.normalize("NFC").replace(/\s+/g, " ").trim())
  .pipe(
    z
      .string()
      .min(1, "A name is needed.")
      .max(64)
      // Control and format characters: they would let one name look like another.
      .regex(/^[^\p{Cc}\p{Cf}\p{Co}\p{Cs}]+$/u, "The name has characters that cannot be seen."),
  );

/** What somebody calls one of their passkeys. */
export const passkeyNameSchema = personNameSchema;
