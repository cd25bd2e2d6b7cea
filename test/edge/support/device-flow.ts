import { signDevice, signEnrolment, type SigningKey } from "../../../shared/protocol/signatures.ts";
import { newKeyPair } from "./agent.ts";
import { ORIGIN, request } from "./edge.ts";

export const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

export interface Started {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  expires_in: number;
  interval: number;
}

/** A machine that pairs by the device flow. */
export interface Knocker {
  keys: { publicKey: string; privateKey: SigningKey };
  started: Started;
  /** Asks whether it was let in; `fields` in place of the right ones. */
  poll(fields?: Record<string, string>): Promise<{ status: number; body: Record<string, string> }>;
}

export async function postForm(path: string, fields: Record<string, string> | string, headers: HeadersInit = {}) {
  return await request(path, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...Object.fromEntries(new Headers(headers)) },
    body: typeof fields === "string" ? fields : new URLSearchParams(fields).toString(),
  });
}

/** The fields with which a machine begins, signed. */
export async function beginFields(
  keys: Knocker["keys"],
  name = "desk",
  origin = ORIGIN,
): Promise<Record<string, string>> {
  const signature = await signDevice(keys.privateKey, { origin, name });
  return { client_id: "porchlight", public_key: keys.publicKey, name, system: "linux x64", signature };
}

export async function knock(name = "desk"): Promise<Knocker> {
  const keys = await newKeyPair();
  const response = await postForm("/oauth/device_authorization", await beginFields(keys, name));
  if (response.status !== 200) throw new Error(`knocking answered ${response.status}`);
  const started = await response.json<Started>();
  return {
    keys,
    started,
    poll: async (fields = {}) => {
      const code = started.device_code;
      const signature = await signEnrolment(keys.privateKey, { origin: ORIGIN, code });
      const right = { grant_type: GRANT_TYPE, client_id: "porchlight", device_code: code, signature };
      const answer = await postForm("/oauth/token", { ...right, ...fields });
      return { status: answer.status, body: await answer.json<Record<string, string>>() };
    },
  };
}
