import { z } from "zod";

/** An edge, and a key to it. */
export interface Door {
  origin: string;
  /** None where nobody is known yet. */
  apiKey?: string;
}

/** Sends JSON, bytes or a form to an edge. Refusals are answers too: for tests that look at the status. */
export async function send(door: Door, method: string, path: string, body?: object): Promise<Response> {
  const headers = new Headers(door.apiKey === undefined ? {} : { authorization: `Bearer ${door.apiKey}` });
  if (body === undefined) return await fetch(door.origin + path, { method, headers });
  if (body instanceof FormData) return await fetch(door.origin + path, { method, headers, body });
  const isBytes = body instanceof Uint8Array;
  headers.set("content-type", isBytes ? "application/octet-stream" : "application/json");
  // Bytes of an ArrayBuffer, as `fetch` takes them.
  const content = isBytes ? new Uint8Array(body) : JSON.stringify(body);
  return await fetch(door.origin + path, { method, headers, body: content });
}

/** What an edge answers to what it must not refuse. Throws what it says if it does. */
export async function ask(door: Door, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await send(door, method, path, body);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

const inspectedSchema = z.object({ hash: z.string(), name: z.string(), asks: z.record(z.string(), z.unknown()) });

/** Installs a packed plugin with all that it asks for. Returns its name without the '@', as it stands in paths. */
export async function install(door: Door, bytes: Uint8Array): Promise<string> {
  const { hash, name, asks } = inspectedSchema.parse(await ask(door, "POST", "/api/plugins/inspect", bytes));
  const made = await send(door, "POST", "/api/plugins", { hash, permissions: asks });
  if (made.status !== 201) throw new Error(`${name} was not installed, ${made.status}: ${await made.text()}`);
  return name.slice(1);
}
