import { z } from "zod";
import { agentIdSchema, publicKeySchema } from "../../shared/protocol/handshake.ts";

/** What the Worker has looked up about a machine that dials, for the Home object of its account. */
export const dialSchema = z.object({ agentId: agentIdSchema, publicKey: publicKeySchema, origin: z.url() });
export type Dial = z.infer<typeof dialSchema>;

const HEADER = "porchlight-dial";

/** The upgrade request to the Home object. It is built anew: nothing that the machine sent gets in. */
export function encodeDial(dial: Dial): Request {
  return new Request("https://home/tunnel", { headers: { upgrade: "websocket", [HEADER]: JSON.stringify(dial) } });
}

/** Throws if the request is not one of `encodeDial`: then it did not come from this Worker. */
export function decodeDial(request: Request): Dial {
  return dialSchema.parse(JSON.parse(request.headers.get(HEADER) ?? "null"));
}
