import { readFile } from "node:fs/promises";
import { z } from "zod";
import { writePrivateFile } from "../data-folder.ts";
import { CommandError } from "./command-error.ts";

const ownerFileSchema = z.object({ apiKey: z.string() });
const setupSchema = z.object({ apiKey: z.string() });
const errorSchema = z.object({ error: z.object({ message: z.string(), code: z.string().nullable().optional() }) });

/** The owner's side of an edge: what `porchlight` does with the owner's API key. */
export class OwnerClient {
  readonly origin: string;
  readonly apiKey: string;

  constructor(origin: string, apiKey: string) {
    this.origin = origin;
    this.apiKey = apiKey;
  }

  /** A page address that signs a browser in, once, within ten minutes. */
  async signInUrl(): Promise<string> {
    return z.object({ url: z.url() }).parse(await this.#post("/api/sign-in-links")).url;
  }

  /** An address that pairs one machine, once, within ten minutes. */
  async pairingUrl(): Promise<string> {
    return z.object({ url: z.url() }).parse(await this.#post("/api/pairing-codes")).url;
  }

  /** Name of the first model the account can use: for a question that names none. */
  async firstModel(): Promise<string> {
    const body = await readJson(await request(`${this.origin}/v1/models`, { headers: this.#headers() }));
    const { data } = z.object({ data: z.array(z.object({ id: z.string() })) }).parse(body);
    const first = data[0];
    if (!first) throw new CommandError("not_ready", "No machine has announced a model yet. Try again in a moment.");
    return first.id;
  }

  /** Whether the edge takes this key. */
  async accepts(): Promise<boolean> {
    const response = await request(`${this.origin}/v1/models`, { headers: this.#headers() });
    return response.status !== 401;
  }

  async #post(path: string): Promise<unknown> {
    const response = await request(this.origin + path, { method: "POST", headers: this.#headers(), body: "{}" });
    return await readJson(response);
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.apiKey}`, "content-type": "application/json" };
  }
}

/** The owner of the embedded edge: from the file, or made now with the set-up token if the edge has no account yet. */
export async function ensureOwner(origin: string, setupToken: string, file: string): Promise<OwnerClient> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text !== undefined) {
    const owner = new OwnerClient(origin, parseOwner(text, file).apiKey);
    if (await owner.accepts()) return owner;
  }
  const response = await request(`${origin}/api/setup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: setupToken }),
  });
  if (response.status === 409) {
    throw new CommandError(
      "not_ready",
      `The edge has an owner already, but ${file} does not hold that owner's key. Put the file back, or start afresh with another --data folder.`,
    );
  }
  const { apiKey } = setupSchema.parse(await readJson(response));
  await writePrivateFile(file, `${JSON.stringify({ apiKey })}\n`);
  return new OwnerClient(origin, apiKey);
}

function parseOwner(text: string, file: string): z.infer<typeof ownerFileSchema> {
  try {
    return ownerFileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CommandError(
      "not_ready",
      `${file} is damaged. Put back a copy, or start afresh with another --data folder.`,
      {
        cause,
      },
    );
  }
}

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(15_000) });
  } catch (cause) {
    throw new CommandError("edge_unreachable", `The edge at ${new URL(url).origin} does not answer.`, { cause });
  }
}

async function readJson(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body;
  const parsed = errorSchema.safeParse(body);
  const message = parsed.success ? parsed.data.error.message : `The edge answered with status ${response.status}.`;
  throw new CommandError("request_failed", message);
}
