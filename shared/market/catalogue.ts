import { z } from "zod";
import { iconSchema, manifestDraftSchema, manifestSchema, priceSchema } from "../plugin/manifest.ts";

/** The catalogue as a market tells it to anybody: what an edge serves, and what one that follows it reads. */
export const PLUGIN_KINDS = manifestDraftSchema.shape.kind.options;
export const CATALOGUE_SORTS = ["relevance", "installs", "updated", "new", "name"] as const;

const page = /^[1-9]\d{0,2}$/;
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const words = z.object({ en: z.string(), zh: z.string() });

export const catalogueQuerySchema = z.object({
  query: z.string().trim().max(100).default(""),
  kind: z.enum(PLUGIN_KINDS).optional(),
  /** `relevance` where nothing is typed: by installs. */
  sort: z.enum(CATALOGUE_SORTS).default("relevance"),
  page: z.string().regex(page, "expected a number from 1 on").transform(Number).default(1),
});
export type CatalogueQuery = z.infer<typeof catalogueQuerySchema>;

export const entrySchema = z.object({
  name: z.string(),
  version: z.string(),
  title: words,
  description: words,
  kind: z.enum(PLUGIN_KINDS),
  /** The publisher's name, as people say it. */
  publisher: z.string(),
  /** The market itself stands for it. */
  official: z.boolean(),
  installs: z.int().nonnegative(),
  /** Null where it has none, or the market is an older one: as `price`. */
  icon: iconSchema.nullable().default(null),
  price: priceSchema.nullable().default(null),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type CatalogueEntry = z.infer<typeof entrySchema>;

export const catalogueSchema = z.object({
  plugins: z.array(entrySchema).max(100),
  total: z.int().nonnegative(),
  page: z.int().positive(),
  pages: z.int().nonnegative(),
});
export type Catalogue = z.infer<typeof catalogueSchema>;

const versionSchema = z.object({
  version: z.string(),
  state: z.enum(["published", "yanked", "revoked"]),
  hash,
  sha256: hash,
  bytes: z.int().nonnegative(),
  words: z.string(),
  publishedAt: z.iso.datetime(),
});

/** A plugin's page: its newest version, and which others there are. */
export const pluginSchema = entrySchema.extend({
  hash,
  sha256: hash,
  bytes: z.int().nonnegative(),
  manifest: manifestSchema,
  readme: z.string(),
  versions: z.array(versionSchema),
});
export type CataloguePlugin = z.infer<typeof pluginSchema>;
