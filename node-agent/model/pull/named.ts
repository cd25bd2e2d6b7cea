import { z } from "zod";
import { PorchlightError } from "../../../shared/errors.ts";
import { SUPPORTED_ARCHITECTURES } from "../config.ts";
import { CATALOGUE } from "../store/catalogue.ts";
import { parseSource, type Source } from "./source.ts";

const DEFAULT_ENDPOINT = "https://huggingface.co";

export interface NamedSource {
  source: Source;
  /** The hub, and what it knows us by. */
  endpoint: string;
  token?: string;
  /** What the model is called here; absent: as its source calls it. */
  name?: string;
}

/** Where a model comes from that is named as in `porchlight models pull`. Throws `model_source_invalid`, and `invalid_request` for the environment. */
export function namedSource(model: string, env: NodeJS.ProcessEnv): NamedSource {
  const hub = hubEnvironment(env);
  const suggested = CATALOGUE.find(({ name }) => name === model);
  const source = parseSource(suggested?.repo ?? model, hub.endpoint);
  return { source, ...hub, ...(suggested === undefined ? {} : { name: suggested.name }) };
}

/** Throws `model_load_failed` for a model's config.json that this build cannot load: before its weights are downloaded. */
export function refuseUnsupported(config: unknown): void {
  const parsed = z.looseObject({ architectures: z.array(z.string().max(128)).min(1) }).safeParse(config);
  const architecture = parsed.data?.architectures[0];
  if (architecture !== undefined && SUPPORTED_ARCHITECTURES.includes(architecture)) return;
  const message = `This build cannot load ${architecture ?? "a model without an architecture"}; it loads ${SUPPORTED_ARCHITECTURES.join(", ")}. To download it nevertheless, add --force.`;
  throw new PorchlightError("model_load_failed", message);
}

/** HF_ENDPOINT and HF_TOKEN, as the hub's own tools read them. */
function hubEnvironment(env: NodeJS.ProcessEnv): Pick<NamedSource, "endpoint" | "token"> {
  const text = env["HF_ENDPOINT"]?.trim() || DEFAULT_ENDPOINT;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new PorchlightError(
      "invalid_request",
      `HF_ENDPOINT is no address: "${text.slice(0, 200)}". Give one such as https://hub.example.`,
    );
  }
  const token = env["HF_TOKEN"]?.trim();
  return { endpoint: url.href.replace(/\/+$/, ""), ...(token ? { token } : {}) };
}
