import { readFile } from "node:fs/promises";
import type { Miniflare } from "miniflare";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { parseAllowedHosts } from "../../shared/net/outbound-url.ts";
import { CommandError } from "../commands/command-error.ts";
import { marketKeysIn } from "../data-folder.ts";
import { EDGE_BUNDLE, EDGE_OPTIONS, ROOT } from "./build.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { newVisitorHeader } from "./front/visitor.ts";
import type { EmbeddedEdgeOptions } from "./messages.ts";
import { migrate } from "./migrate.ts";

/** As often as wrangler.toml has it on Cloudflare; the first time soon, so that an edge that restarts often gets to it too. */
const SCHEDULED_EVERY_MS = 3600_000;
const SCHEDULED_FIRST_MS = 60_000;

/** The database's name in the state folder: wrangler.toml's id changes when somebody deploys, and the state must not. */
const DATABASE_ID = "00000000-0000-0000-0000-000000000000";

/** How long machines may take to answer that they are to come back, and how long telling them may take. */
const CLOSING_MS = 100;
const TELLING_MS = 700;

/** The part of a Home object that is called from here. */
interface HomeCalls {
  goAway(): Promise<void>;
  restart(): Promise<void>;
}

export interface EmbeddedEdge {
  /** Where it listens on this machine. */
  origin: string;
  /** Whether somebody has set it up. */
  hasOwner: boolean;
  /** Tells every machine that this edge goes away, so that nothing new is begun. */
  goAway(): Promise<void>;
  /** Tells every machine to come back, and ends. */
  stop(): Promise<void>;
}

/** What this machine's environment says of conversations and payments, under the Worker's own names. */
function settingsIn(env: NodeJS.ProcessEnv): Record<string, string> {
  const payments = ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "TEST_PAYMENTS"];
  const names = ["SESSION_WINDOW", "SESSION_HOT_TURNS", "SESSION_COLD_DAYS", ...payments];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[`PORCHLIGHT_${name}`];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The online keys of this edge's market, where 'porchlight market init' made some. */
async function marketKeys(stateDir: string): Promise<{ MARKET_KEYS?: string }> {
  const text = await readFile(marketKeysIn(stateDir), "utf8").catch(() => undefined); // it is no market
  return text === undefined ? {} : { MARKET_KEYS: text };
}

/**
 * Starts the built Worker in workerd on this machine's loopback, with its state in a folder, and migrates its database.
 * Throws CommandError `port_taken` with the way out.
 */
export async function startEmbeddedEdge(options: EmbeddedEdgeOptions): Promise<EmbeddedEdge> {
  if (options.port !== 0) await requireFreePort(options.port);
  process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
  const { convertV4MiniflareOptions, Log, LogLevel, Miniflare } = await import("miniflare");
  // What build.ts wrote: the worker's options in Miniflare's own form.
  const worker = JSON.parse(await readFile(EDGE_OPTIONS, "utf8")) as Parameters<typeof convertV4MiniflareOptions>[0] & {
    bindings?: Record<string, string>;
  };
  const webhookHosts = process.env["PORCHLIGHT_WEBHOOK_HOSTS"] ?? "";
  const marketOrigin = process.env["PORCHLIGHT_MARKET_ORIGIN"] ?? "";
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      ...worker,
      name: "porchlight",
      rootPath: ROOT,
      modules: [{ type: "ESModule", path: EDGE_BUNDLE }],
      modulesRoot: dirname(EDGE_BUNDLE),
      bindings: {
        ...worker.bindings,
        ...settingsIn(process.env),
        SETUP_TOKEN: options.setupToken,
        WEBHOOK_HOSTS: webhookHosts,
        MARKET_ORIGIN: marketOrigin,
        ...(await marketKeys(options.stateDir)),
        VISITOR_HEADER: options.visitorHeader ?? newVisitorHeader(),
        ...(options.publicOrigin === undefined ? {} : { PUBLIC_ORIGIN: options.publicOrigin }),
      },
      d1Databases: { DB: DATABASE_ID },
      // Straight to the Worker: Miniflare's own entry, on another port, adds a hop and nothing that is needed here.
      unsafeDirectSockets: [{ host: "127.0.0.1", port: options.port }],
      host: "127.0.0.1",
      port: 0,
      cf: false,
      outboundService: guardedFetch({
        allowed: parseAllowedHosts(`${webhookHosts},${URL.parse(marketOrigin)?.host ?? ""}`),
      }),
      log: new Log(LogLevel.ERROR),
    }),
    resourcePersistencePath: options.stateDir,
  });
  let hasOwner: boolean;
  let direct: URL;
  try {
    await miniflare.ready;
    direct = await miniflare.unsafeGetDirectURL();
    const database = await miniflare.getD1Database("DB");
    await migrate(database, join(ROOT, "migrations"));
    hasOwner = (await database.prepare("SELECT 1 FROM accounts LIMIT 1").all()).results.length > 0;
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
  const soon = setTimeout(() => void runScheduled(miniflare), SCHEDULED_FIRST_MS);
  const hourly = setInterval(() => void runScheduled(miniflare), SCHEDULED_EVERY_MS);
  return {
    origin: `http://localhost:${direct.port}`,
    hasOwner,
    goAway: async () => await tellHomes(miniflare, "goAway"),
    stop: async () => {
      clearTimeout(soon);
      clearInterval(hourly);
      const late = new AbortController();
      const told = tellHomes(miniflare, "restart", late.signal);
      await Promise.race([told.then(() => sleep(CLOSING_MS)), sleep(TELLING_MS)]);
      late.abort();
      await miniflare.dispose();
    },
  };
}

/**
 * Calls a method of every household's Home object. What fails is said, unless it was no longer waited for: the machines find out by
 * themselves, only later.
 */
async function tellHomes(miniflare: Miniflare, what: "goAway" | "restart", late?: AbortSignal): Promise<void> {
  try {
    const [database, homes] = [await miniflare.getD1Database("DB"), await miniflare.getDurableObjectNamespace("HOME")];
    const { results } = await database
      .prepare("SELECT DISTINCT account_id AS id FROM agents WHERE revoked_at IS NULL")
      .all();
    const ids = z.array(z.object({ id: z.string() })).parse(results);
    // Their classes are the Worker's: this process knows no more of them than the two names above.
    await Promise.all(ids.map(async ({ id }) => await (homes.getByName(id) as unknown as HomeCalls)[what]()));
  } catch (error) {
    if (late?.aborted !== true) console.error("The machines could not be told that the edge goes away:", error);
  }
}

/** Cron triggers never fire by themselves here. What fails is said and tried again with the next one. */
async function runScheduled(miniflare: Miniflare): Promise<void> {
  try {
    const worker = await miniflare.getWorker();
    await worker.scheduled({ cron: "" });
  } catch (error) {
    console.error("The edge's scheduled work failed:", error);
  }
}

/**
 * Fails before workerd is started: its own message for a taken port names neither the port nor the way out. Both loopback addresses
 * are tried: browsers take "localhost" for the IPv6 one first, and would reach the other program there.
 */
async function requireFreePort(port: number): Promise<void> {
  for (const host of ["127.0.0.1", "::1"]) {
    const code = await listenError(host, port);
    if (code !== "EADDRINUSE" && code !== "EACCES") continue; // anything else on ::1 means that this machine has no IPv6
    const why = code === "EACCES" ? "may not be used by this user" : "is taken by another program";
    throw new CommandError("port_taken", `Port ${port} ${why}. Choose another: npm start -- --port ${port + 1}`);
  }
}

/** Code of the error that listening there meets, undefined if it works. */
async function listenError(host: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    probe.listen(port, host, () => probe.close(() => resolve(undefined)));
  });
}
