import { z } from "zod";
import { MOST_FILES, MOST_PACKAGE_BYTES, MOST_STORAGE_BYTES } from "./limits.ts";
import { readPluginName } from "./name.ts";
import { packagePathSchema } from "./path.ts";

const SEMVER =
  /^(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})(?:-[0-9a-z-]{1,32}(?:\.[0-9a-z-]{1,32}){0,4})?$/i;
/** A public name: two labels at least, no wildcard, no port, no address. */
export const HOST = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

/** In `permissions.net`, alone: any public host by its name, for what reads pages that the user names. Never a private address. */
export const ANY_PUBLIC_HOST = "*";

/** `@publisher/name`. */
export const pluginNameSchema = z
  .string()
  .refine(
    (name) => readPluginName(name) !== undefined,
    "A plugin's name is '@publisher/name' of small letters, digits and hyphens.",
  );

/** The same words in both languages of the pages. */
function inBoth(mostCharacters: number) {
  const words = z.string().trim().min(1).max(mostCharacters);
  return z.strictObject({ en: words, zh: words });
}

function unique(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

const TWICE = "The same entry stands there twice.";

export const permissionsSchema = z.strictObject({
  /** Hosts it may fetch from, by https; or `["*"]`. */
  net: z
    .array(z.union([z.literal(ANY_PUBLIC_HOST), z.string().regex(HOST)]))
    .max(32)
    .refine(unique, TWICE)
    .refine((hosts) => hosts.length < 2 || !hosts.includes(ANY_PUBLIC_HOST), "'*' is every host: it stands alone.")
    .default([]),
  /** Whether it may ask the account's own models. */
  model: z.boolean().default(false),
  storageBytes: z.int().min(0).max(MOST_STORAGE_BYTES).default(0),
  /** Whether it sees the files that the user picks for a call. */
  files: z.boolean().default(false),
  secrets: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/))
    .max(16)
    .refine(unique, TWICE)
    .default([]),
  /** Tools of the host that it may call, such as `vision.ocr`. */
  tools: z
    .array(
      z
        .string()
        .regex(/^[a-z][a-z0-9]*(?:\.[a-z][a-z0-9]*){0,2}$/)
        .max(64),
    )
    .max(16)
    .refine(unique, TWICE)
    .default([]),
  // Later ones have no default: a package from before them keeps its one form, and its hash.
  /** Whether its hooks see what is asked and answered in conversations. */
  turns: z.literal("read").exactOptional(),
  /** Whether it runs by itself, at its times. */
  schedule: z.literal(true).exactOptional(),
});

/**
 * A plugin's picture: lines on a colour, as data. No file of a stranger's is shown on pages, and nothing in it can run or load.
 */
export const iconSchema = z.strictObject({
  /** Path data of SVG in a square of 24, drawn as white lines. */
  path: z
    .string()
    .max(2_000)
    .regex(/^[Mm][MmZzLlHhVvCcSsQqTtAaEe0-9 ,.+-]+$/, "An icon's path is the path data of SVG: 'M4 4h16v16H4z'."),
  colour: z.string().regex(/^#[0-9a-f]{6}$/, "A colour is six digits: '#2f5d8a'."),
});
export type Icon = z.infer<typeof iconSchema>;

/** What the user of the market pays: once, or `every` month or year. */
export const priceSchema = z
  .strictObject({
    currency: z.string().regex(/^[A-Z]{3}$/),
    minorUnits: z.int().min(0).max(1_000_000),
    every: z.enum(["month", "year"]).exactOptional(),
  })
  .refine(({ minorUnits, every }) => every === undefined || minorUnits > 0, "What is free has no period.");

const fileSchema = z.strictObject({
  path: packagePathSchema,
  bytes: z.int().min(0).max(MOST_PACKAGE_BYTES),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const dataSchema = z.strictObject({
  source: z.string().min(1).max(500),
  licence: z.string().min(1).max(100),
  /** The day its facts are of. */
  asOf: z.iso.date(),
  attribution: z.string().max(500),
});

/** What the developer writes into manifest.json; packing adds `files`. */
export const manifestDraftSchema = z.strictObject({
  name: pluginNameSchema,
  version: z.string().regex(SEMVER, "A version is three numbers: '1.0.0'."),
  title: inBoth(60),
  description: inBoth(500),
  kind: z.enum(["data", "knowledge", "multimodal", "integration", "tool"]),
  /** The ES module whose default export is `definePlugin({ ... })`. */
  entry: packagePathSchema.refine((path) => /\.m?[jt]s$/.test(path), "The entry is a .js, .mjs or .ts file."),
  data: z.array(dataSchema).max(32).default([]),
  permissions: permissionsSchema.prefault({}),
  runsOn: z.enum(["edge", "home", "both"]).default("both"),
  icon: iconSchema.optional(),
  price: priceSchema.optional(),
});

/** manifest.json of a package: all that a signature speaks for. */
export const manifestSchema = manifestDraftSchema
  .extend({ files: z.array(fileSchema).min(1).max(MOST_FILES) })
  .refine(({ files, entry }) => files.some(({ path }) => path === entry), "The entry is not among the files.")
  .refine(
    ({ files }) => unique(files.map(({ path }) => path.toLowerCase())),
    "Two files differ by case alone, or not.",
  );

export type Permissions = z.infer<typeof permissionsSchema>;
export type ManifestDraft = z.infer<typeof manifestDraftSchema>;
export type Manifest = z.infer<typeof manifestSchema>;
