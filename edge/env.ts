import type { Role } from "./access/roles.ts";
import type { Scope } from "./access/scopes.ts";
import type { KeyGrant } from "./credentials/key-grant.ts";
import type { Home } from "./home/home.ts";
import type { Market } from "./market/market.ts";

/** Bindings of wrangler.toml, and secrets. */
export interface EdgeBindings {
  DB: D1Database;
  HOME: DurableObjectNamespace<Home>;
  MARKET: DurableObjectNamespace<Market>;
  ASSETS: Fetcher;
  /** Origin people and machines reach this edge at; empty means that of each request (see origin.ts). */
  PUBLIC_ORIGIN: string;
  /** `on` lets people add a password. Checking one takes about 0.2 s of CPU time: more than a free plan has. */
  PASSWORDS: string;
  /** Hosts of one's own network that webhooks may go to: see shared/net/outbound-url.ts. */
  WEBHOOK_HOSTS?: string;
  /** Where sealed backups of conversations go; absent: nowhere. */
  BACKUPS?: R2Bucket;
  /** The keys of this edge's market that are online, as 'porchlight market init' wrote them; absent: it is no market. */
  MARKET_KEYS?: string;
  /** Origin of the market that plugins come from; empty or absent: this edge's own. */
  MARKET_ORIGIN?: string;
  /** Keys of Stripe, for a market that sells: see market/MONEY.md. Several webhook secrets stand behind each other, with commas. */
  STRIPE_SECRET_KEY?: string;
  STRIPE_WEBHOOK_SECRET?: string;
  /** `on`: plugins are bought with play money, by a provider that behaves like a real one. Never beside Stripe's keys. */
  TEST_PAYMENTS?: string;
  /** Plugins' packages, as `packages/<hash>`. */
  PACKAGES: R2Bucket;
  /** Makes isolates for plugins, beside this edge; absent: they run at home. */
  LOADER?: WorkerLoader;
  /** Turns of a conversation that a model is sent where nobody set another number: 8 if absent. */
  SESSION_WINDOW?: string;
  /** The household's last turns that are kept in memory: 100 if absent. */
  SESSION_HOT_TURNS?: string;
  /** Days after which turns go to a home machine: 7 if absent. */
  SESSION_COLD_DAYS?: string;
  /** Lets its holder make the first account; absent, nobody can. */
  SETUP_TOKEN?: string;
  /** Name of the header that holds the visitor's address, at an edge of one's own; absent on Cloudflare (see credentials/client.ts). */
  VISITOR_HEADER?: string;
}

/** Who is asking, as the database says: nothing in it comes from the request but the credential that was looked up. */
export interface Account {
  /** The household: whose machines these are. */
  id: string;
  /** The person. */
  userId: string;
  userName: string;
  /** What the person may do. A key may do less: see its scopes. */
  role: Role;
  /** Absent for a session. */
  key?: KeyGrant & { scopes: readonly Scope[] };
  /** Absent for an API key. `confirmedAt`: when the person last proved to be there, in Unix milliseconds. */
  session?: { id: string; confirmedAt: number };
}

export interface AppEnv {
  Bindings: EdgeBindings;
  Variables: { requestId: string; account?: Account };
}
