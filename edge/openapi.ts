import { openApiDocument } from "../shared/api/document.ts";
import { api } from "./api.ts";
import { VERSION } from "./version.ts";

const DESCRIPTION =
  "A public door at the edge, the models at home. The chat routes are OpenAI's: point its SDK at `/v1` of this edge.";

/** The OpenAPI 3.1 document of this edge, as it is reached at `origin`. */
export function edgeDocument(origin: string) {
  return openApiDocument(api, { version: VERSION, description: DESCRIPTION, servers: [{ url: origin }] });
}
