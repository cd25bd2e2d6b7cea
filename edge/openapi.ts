import { openApiDocument } from "../shared/api/document.ts";
import { api } from "./api.ts";
import { IDEMPOTENCY_LIMITS } from "./credentials/limits.ts";
import { VERSION } from "./version.ts";

const DESCRIPTION =
  "A public door at the edge, the models at home. The chat routes are OpenAI's: point its SDK at `/v1` of this edge.";

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Send a request again under its key, and it is carried out once: within 24 hours you get the first answer, a stream too. " +
    "409 while the first one runs, and for another body. Failures, answers over 1 MiB and streams that you left free the key.",
  schema: { type: "string", minLength: 1, maxLength: IDEMPOTENCY_LIMITS.keyCharacters },
} as const;

/** The OpenAPI 3.1 document of this edge, as it is reached at `origin`. */
export function edgeDocument(origin: string) {
  const document = openApiDocument(api, { version: VERSION, description: DESCRIPTION, servers: [{ url: origin }] });
  for (const { post } of Object.values(document.paths ?? {})) {
    // Where nobody is known, no key is anybody's.
    if (post && post.security === undefined) post.parameters = [...(post.parameters ?? []), IDEMPOTENCY_KEY];
  }
  return document;
}
