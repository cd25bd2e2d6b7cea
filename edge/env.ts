import type { Home } from "./home/home.ts";

/** Bindings of wrangler.toml, and secrets. */
export interface EdgeBindings {
  DB: D1Database;
  HOME: DurableObjectNamespace<Home>;
  ASSETS: Fetcher;
  /** Origin people and machines reach this edge at; empty means that of each request (see origin.ts). */
  PUBLIC_ORIGIN: string;
  /** Lets its holder make the first account; absent, nobody can. */
  SETUP_TOKEN?: string;
}

/** Who is asking, as the database says: nothing in it comes from the request but the credential that was looked up. */
export interface Account {
  id: string;
  /** `owner` may change machines and hand out access; `inference` may only use the API. */
  rights: "owner" | "inference";
  via: "key" | "session";
}

export interface AppEnv {
  Bindings: EdgeBindings;
  Variables: { requestId: string; account?: Account };
}
