import { z } from "zod";
import { manifestDraftSchema, permissionsSchema } from "../../../shared/plugin/manifest.ts";
import { parseOffers } from "../../../shared/plugin/tool-list.ts";

/** A plugin as a person has installed it. */
export const installedSchema = z
  .object({
    /** `@publisher/name`. */
    name: z.string(),
    version: z.string(),
    hash: z.string(),
    /** Without the list of its files. */
    manifest: manifestDraftSchema,
    /** What it has, as its own code says it. */
    offers: z.string().transform(parseOffers),
    /** What the person granted: never more than the manifest asks for. */
    permissions: permissionsSchema,
    enabled: z.boolean(),
    /** The key that signed it, base64url; null: nobody. */
    signer: z.string().nullable(),
    installedAtMs: z.number(),
    updatedAtMs: z.number(),
  })
  .transform(({ offers, ...one }) => ({ ...one, ...offers }));

export type Installed = z.output<typeof installedSchema>;
