import { PorchlightError } from "../../../../shared/errors.ts";
import { type GenerateRequest, generateRequestSchema } from "../../../../shared/inference/request.ts";
import { decodeJson, encodeJson } from "../../../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../../../shared/protocol/limits.ts";
import { prefixKeys, type PrefixKey } from "../../dispatch/prefix-keys.ts";
import type { Payer } from "../tool-box.ts";
import { LOOP_LIMITS } from "./limits.ts";
import type { Offer, ToolLoop } from "./tool-loop.ts";

/** A request of the inference API with the tools that its plugins come to. */
export interface StatelessOffer {
  body: Uint8Array;
  prefix: readonly PrefixKey[];
  /** Undefined where the plugins have no tools. */
  offer: Offer | undefined;
}

/** What a request that names plugins comes to. Throws `invalid_request` for one that its person has not, `body_too_large`. */
export function offerStateless(
  loop: ToolLoop,
  of: { body: Uint8Array; userId: string; payer: Payer; contextLength: number },
): StatelessOffer {
  const { plugins = [], ...request } = decodeJson(of.body, generateRequestSchema);
  const missing = loop.missing(of.userId, plugins);
  if (missing !== undefined) {
    const sentence = `Invalid value for 'tools': there is no plugin '${missing}' that you have switched on.`;
    throw new PorchlightError("invalid_request", sentence, { param: "tools" });
  }
  const theirs = request.tools ?? [];
  const offer = loop.offer({
    userId: of.userId,
    payer: of.payer,
    uses: plugins,
    most: LOOP_LIMITS.rounds,
    question: request.messages.findLast(({ role }) => role === "user")?.content ?? "",
    contextLength: of.contextLength,
    // What the client's own functions brought may be of strangers, and so may what was answered before: whence it came is not known here.
    tainted: request.messages.some(({ role }) => role === "tool" || role === "assistant"),
    own: request.messages.flatMap(({ role, content }) => (role === "user" ? [content] : [])),
    theirs,
  });
  const tools = [...theirs, ...(offer?.tools ?? [])];
  const offered: GenerateRequest = tools.length === 0 ? request : { ...request, tools };
  const body = encodeJson(offered);
  if (body.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
  return { body, prefix: prefixKeys(offered), offer };
}
