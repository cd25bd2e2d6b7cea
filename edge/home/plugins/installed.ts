import { z } from "zod";
import { manifestDraftSchema, permissionsSchema } from "../../../shared/plugin/manifest.ts";
import { parseToolList } from "../../../shared/plugin/tool-list.ts";

/** A plugin as a person has installed it. */
export const installedSchema = z.object({
  /** `@publisher/name`. */
  name: z.string(),
  version: z.string(),
  hash: z.string(),
  /** Without the list of its files. */
  manifest: manifestDraftSchema,
  tools: z.string().transform(parseToolList),
  /** What the person granted: never more than the manifest asks for. */
  permissions: permissionsSchema,
  enabled: z.boolean(),
  /** The key that signed it, base64url; null: nobody. */
  signer: z.string().nullable(),
  installedAtMs: z.number(),
  updatedAtMs: z.number(),
});

export type Installed = z.output<typeof installedSchema>;
