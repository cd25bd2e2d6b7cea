import { z } from "zod";

/** Grows when an older Porchlight could not read a backup any more. */
export const BACKUP_FORMAT = 1;
export const MANIFEST_NAME = "manifest.json";
/** A household has a handful of databases; objects in R2 may be many. */
const MAX_FILES = 200_000;
/** Of the manifest itself: some 250 bytes a file. */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/** Beside the state: the owner's key that `porchlight up` made, and the token of a set-up link that nobody has used yet. */
export const EXTRA_FILES = ["owner.json", "edge-setup-token"] as const;
const STATE_PREFIX = "state/";

/** Names that are safe as paths on every system: no root, no step up, no drive, no device, nothing hidden from a reader. */
const pathSchema = z
  .string()
  .max(1024)
  .refine((path) => (EXTRA_FILES as readonly string[]).includes(path) || isStatePath(path), "is no path of a backup");

export const manifestSchema = z
  .strictObject({
    format: z.literal("porchlight-edge-backup"),
    version: z.number().int().positive(),
    /** Of the Porchlight that wrote it. */
    porchlight: z.string().max(64),
    createdAt: z.iso.datetime(),
    /** Migrations that its database has seen. */
    migrations: z.array(z.string().max(256)).max(10_000),
    files: z
      .array(
        z.strictObject({
          path: pathSchema,
          bytes: z.number().int().nonnegative(),
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
        }),
      )
      .max(MAX_FILES),
  })
  .refine(
    ({ files }) => new Set(files.map(({ path }) => path.toLowerCase())).size === files.length,
    "names a file twice",
  );
/** What a backup holds: its first entry. */
export type Manifest = z.infer<typeof manifestSchema>;

function isStatePath(path: string): boolean {
  if (!path.startsWith(STATE_PREFIX)) return false;
  return path.split("/").every((step) => /^[\w-][\w.-]*$/.test(step) && !step.endsWith("."));
}
