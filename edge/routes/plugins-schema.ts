import { z } from "@hono/zod-openapi";
import { permissionsSchema } from "../../shared/plugin/manifest.ts";
import { CALLED_PARTS } from "../../shared/plugin/parts.ts";
import type { InstalledView } from "../home/plugins/desk.ts";
import type { CallRecord, WholeCallRecord } from "../home/plugins/call-table.ts";

const words = z.object({ en: z.string(), zh: z.string() });
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "expected a package's hash: 64 digits from 0 to f")
  .openapi({ description: "SHA-256 of the package's canonical manifest, which names every file's hash." });

export { hash as hashSchema };

/** What a person grants, or a plugin asks for. */
export const shownPermissionsSchema = permissionsSchema.openapi("PluginPermissions");

export const shownToolSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    input: z.record(z.string(), z.unknown()).openapi({ description: "A JSON Schema." }),
    output: z.record(z.string(), z.unknown()).optional(),
    effect: z.enum(["read", "write"]),
  })
  .openapi("InstalledPluginTool");

const shownPartSchema = z
  .object({
    part: z.enum(CALLED_PARTS),
    every: z.string().optional().openapi({ description: "Of a schedule: when, as five fields of cron." }),
  })
  .openapi("InstalledPluginPart");

const aboutSchema = z.object({
  name: z.string().openapi({ example: "@porchlight/hello" }),
  version: z.string(),
  hash,
  title: words,
  description: words,
  kind: z.string(),
  runsOn: z.enum(["edge", "home", "both"]),
  data: z.array(z.object({ source: z.string(), licence: z.string(), asOf: z.string(), attribution: z.string() })),
  asks: shownPermissionsSchema.openapi({ description: "What its manifest asks for." }),
  signer: z.string().nullable().openapi({ description: "The Ed25519 key that signed it, base64url; null: nobody." }),
  tools: z.array(shownToolSchema),
  parts: z.array(shownPartSchema),
});

export const inspectedSchema = aboutSchema
  .extend({
    installed: z
      .object({ version: z.string(), hash, permissions: shownPermissionsSchema, signer: z.string().nullable() })
      .nullable()
      .openapi({ description: "What you have installed of this name." }),
    asksMore: z
      .array(z.object({ permission: z.string(), added: z.array(z.string()), removed: z.array(z.string()) }))
      .openapi({
        description: "How its requests differ from what you granted the installed one; of a new one, all it asks.",
      }),
  })
  .openapi("InspectedPlugin");

export const installedSchema = aboutSchema
  .extend({
    permissions: shownPermissionsSchema.openapi({ description: "What you granted." }),
    enabled: z.boolean(),
    secretsSet: z.array(z.string()),
    storedBytes: z.number().int(),
    nextRunAt: z.iso.datetime().nullable().openapi({ description: "When it runs next by itself; null: it does not." }),
    installedAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("InstalledPlugin");

const caller = {
  locale: z.enum(["en", "zh-CN"]).optional(),
  timeZone: z.string().min(1).max(64).optional().openapi({
    description: "Where you are, by its IANA name: for all your plugins that run by themselves.",
  }),
};

export const installSchema = z
  .strictObject({
    hash,
    ...caller,
    permissions: shownPermissionsSchema,
    newSigner: z.boolean().default(false).openapi({
      description:
        "That another key has signed it than the installed one is all right: it gets the same values and secrets.",
    }),
  })
  .openapi("PluginInstallation");

export const changeSchema = z
  .strictObject({ permissions: shownPermissionsSchema.optional(), enabled: z.boolean().optional(), ...caller })
  .openapi("PluginChange");

const callSchema = z.object({
  id: z.string(),
  plugin: z.string(),
  version: z.string(),
  hash,
  tool: z.string(),
  place: z.enum(["edge", "home"]).nullable().openapi({ description: "Where it ran." }),
  sessionId: z.string().nullable(),
  turn: z.number().int().nullable(),
  state: z.enum(["running", "done", "failed"]),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  startedAt: z.iso.datetime(),
  ms: z.number().nullable(),
});
export const listedCallSchema = callSchema.openapi("PluginCall");
export const wholeCallSchema = callSchema
  .extend({
    input: z.string().openapi({ description: "JSON, cut at 64 KiB." }),
    result: z.string().nullable().openapi({ description: "JSON, cut at 64 KiB." }),
    logs: z.string(),
  })
  .openapi("PluginCallRecord");

export function shownInstalled({ manifest, installedAtMs, updatedAtMs, nextRunAtMs, tools, ...one }: InstalledView) {
  const { title, description, kind, runsOn, data, permissions: asks } = manifest;
  return {
    ...one,
    title,
    description,
    kind,
    runsOn,
    data,
    asks,
    tools: tools.map(shownTool),
    nextRunAt: nextRunAtMs === null ? null : new Date(nextRunAtMs).toISOString(),
    installedAt: new Date(installedAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
  } satisfies z.infer<typeof installedSchema>;
}

export function shownTool({ name, description, input, output, effect }: InstalledView["tools"][number]) {
  return { name, description, input: { ...input }, ...(output === undefined ? {} : { output: { ...output } }), effect };
}

export function shownCall({ startedAtMs, ...call }: CallRecord) {
  return { ...call, startedAt: new Date(startedAtMs).toISOString() } satisfies z.infer<typeof listedCallSchema>;
}

export function shownWholeCall({ startedAtMs, ...call }: WholeCallRecord) {
  return { ...call, startedAt: new Date(startedAtMs).toISOString() } satisfies z.infer<typeof wholeCallSchema>;
}
