import { bearer, request } from "./edge.ts";

export interface Key {
  id: string;
  name: string;
  createdAt: string;
  expiresAt: string | null;
  limits: Record<string, number | null>;
}

export async function send(apiKey: string, method: string, path: string, body?: unknown): Promise<Response> {
  return await request(path, {
    method,
    headers: { ...bearer(apiKey), "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** A key made through the API. */
export async function makeKey(apiKey: string, wanted: Record<string, unknown>): Promise<Key & { apiKey: string }> {
  const response = await send(apiKey, "POST", "/api/keys", wanted);
  if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
  return await response.json();
}
