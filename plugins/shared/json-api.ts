import type { PluginFetch } from "../../shared/plugin/index.ts";

export interface JsonAnswer {
  status: number;
  /** Undefined for what is no JSON. */
  value: unknown;
}

/** One request to an API of JSON. Throws Error in words where nobody answers; what the API says is the caller's to judge. */
export async function askJson(
  fetch: PluginFetch | undefined,
  url: string,
  { method = "GET", authorization, body }: { method?: "GET" | "POST"; authorization: string; body?: unknown },
): Promise<JsonAnswer> {
  if (fetch === undefined)
    throw new Error("Reaching the service was not allowed. The user can allow it in the plugin's settings.");
  const headers = { authorization, accept: "application/json", "content-type": "application/json" };
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, value: parsed(response.body) };
}

/** A secret that the tool cannot do without. Throws Error with what to do. */
export async function requiredSecret(
  secret: ((name: string) => Promise<string | undefined>) | undefined,
  name: string,
): Promise<string> {
  const value = (await secret?.(name))?.trim();
  if (value === undefined || value === "")
    throw new Error(`${name} is not set. Ask the user to enter it in the plugin's settings.`);
  return value;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // an error page of something in between
  }
}
