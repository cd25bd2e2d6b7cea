import type { z } from "zod";
import type {
  inspectedSchema,
  installedSchema,
  listedCallSchema,
  wholeCallSchema,
} from "../../../edge/routes/plugins-schema.ts";
import { manifestDraftSchema } from "../../../shared/plugin/manifest.ts";
import { completeManifest, writePackage } from "../../../shared/plugin/package.ts";
import { bearer, request } from "../support/edge.ts";
import { send } from "../support/keys.ts";

export type Inspected = z.infer<typeof inspectedSchema>;
export type Shown = z.infer<typeof installedSchema>;
export type ListedCall = z.infer<typeof listedCallSchema>;
export type WholeCall = z.infer<typeof wholeCallSchema>;
export interface Outcome {
  id: string;
  ok: boolean;
  value?: unknown;
  error?: { code: string; message: string };
}

/** A package whose tools are these bodies of `async execute(context)`. `beside`: other members of its definition, as source. */
export async function packed(
  bodies: Record<string, string>,
  draft: object = {},
  beside = "",
): Promise<Uint8Array<ArrayBuffer>> {
  const tools = Object.entries(bodies).map(
    ([tool, body]) => `${tool}: { description: "d", input: { type: "object" }, async execute(context) { ${body} } }`,
  );
  const files = new Map([
    ["main.js", new TextEncoder().encode(`export default { tools: { ${tools.join(",")} }, ${beside} };`)],
  ]);
  const words = { en: "Test", zh: "测试" };
  const whole = {
    name: "@test/tried",
    version: "1.0.0",
    title: words,
    description: words,
    kind: "tool",
    entry: "main.js",
    ...draft,
  };
  return writePackage(await completeManifest(manifestDraftSchema.parse(whole), files), files);
}

export async function inspect(apiKey: string, bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
  const headers = { ...bearer(apiKey), "content-type": "application/octet-stream" };
  return await request("/api/plugins/inspect", { method: "POST", headers, body: bytes });
}

/** Installs a package with all that it asks for, or with `permissions`. */
export async function install(apiKey: string, bytes: Uint8Array<ArrayBuffer>, permissions?: object): Promise<Shown> {
  const seen = await inspect(apiKey, bytes);
  const text = await seen.text();
  if (seen.status !== 200) throw new Error(text);
  const { hash, asks }: Inspected = JSON.parse(text);
  const made = await send(apiKey, "POST", "/api/plugins", { hash, permissions: permissions ?? asks });
  const answer = await made.text();
  if (made.status !== 201) throw new Error(answer);
  return JSON.parse(answer);
}

/** A tool of `@test/tried`, unless told otherwise. */
export async function call(
  apiKey: string,
  tool: string,
  input: object = {},
  name = "test/tried",
  more: object = {},
): Promise<Outcome> {
  const response = await send(apiKey, "POST", `/api/plugins/${name}/call`, { tool, input, ...more });
  const text = await response.text();
  if (response.status !== 200) throw new Error(text);
  return JSON.parse(text);
}
