import type { z } from "zod";
import { readBytes } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import {
  type Catalogue,
  type CataloguePlugin,
  type CatalogueQuery,
  catalogueSchema,
  pluginSchema,
} from "../../shared/market/catalogue.ts";
import type { EdgeBindings } from "../env.ts";
import { database } from "../store/database.ts";
import { findInCatalogue, listCatalogue } from "./catalogue.ts";
import { askMarket, followedMarket } from "./followed.ts";

/** Of an answer of another market: a plugin's page with its README and 2,000 files. */
const MOST_BYTES = 2 * 1024 * 1024;

/** The catalogue that this edge's people see: its own, or that of the market it follows. Pages read it through this. */
export interface MarketReader {
  list(query: CatalogueQuery): Promise<Catalogue>;
  find(publisher: string, name: string): Promise<CataloguePlugin | undefined>;
}

/** Throws PorchlightError `market_unreadable` where the followed market does not answer as one does. */
export function marketReader(env: EdgeBindings): MarketReader {
  const origin = followedMarket(env);
  const db = database(env.DB);
  if (origin === undefined)
    return {
      list: async (query) => await listCatalogue(db, query),
      find: async (publisher, name) => await findInCatalogue(db, { publisher, name }),
    };
  return {
    list: async ({ query, kind, sort, page }) => {
      const search = new URLSearchParams({ query, sort, page: String(page), ...(kind === undefined ? {} : { kind }) });
      const found = await readJson(
        await askMarket(origin, `/api/market/plugins?${search.toString()}`),
        catalogueSchema,
      );
      if (found === undefined) throw new PorchlightError("market_unreadable");
      return found;
    },
    find: async (publisher, name) => {
      const path = `/api/market/plugins/${encodeURIComponent(publisher)}/${encodeURIComponent(name)}`;
      return await readJson(await askMarket(origin, path), pluginSchema);
    },
  };
}

async function readJson<T>(answer: Response, schema: z.ZodType<T>): Promise<T | undefined> {
  if (answer.status === 404) return undefined;
  try {
    if (answer.status !== 200) throw new TypeError(`status ${answer.status}`);
    const bytes = await readBytes(new Request("https://market", { method: "POST", body: answer.body }), MOST_BYTES);
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new PorchlightError("market_unreadable", undefined, { cause });
  }
}
