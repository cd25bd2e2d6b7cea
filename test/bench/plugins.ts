import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { buildEdgeIfNeeded, EDGE_BUNDLE, EDGE_OPTIONS, ROOT } from "../../node-agent/edge/build.ts";
import { migrate } from "../../node-agent/edge/migrate.ts";
import { writePackage } from "../../shared/plugin/package.ts";
import { ask, type Door } from "../support/api.ts";
import { plugin } from "../support/plugin.ts";
import { startStack } from "../support/stack.ts";
import type { Bench } from "./bench.ts";
import { quantile } from "./statistics.ts";

const SETUP_TOKEN = "bench";
const INSTALLED = 100;
const BODIES = {
  echo: "return context.input",
  kept: `await context.storage.set("k", "v"); return (await context.storage.get("k")).length`,
};

type Figures = Record<"install" | "first" | "warm" | "storage" | "list", number[]>;

/** Calls of plugins through the whole product: at home through the tunnel, and at the edge by the loader in workerd. */
export const plugins: Bench = {
  name: "plugins",
  summary: "calls of plugins, cold and warm, at the edge and at home, with 100 plugins installed",
  run: async ({ quick }) => {
    const count = quick ? INSTALLED / 5 : INSTALLED;
    const home = await atHome(async (door) => await measure(door, count));
    const edge = await atEdge(async (door) => await measure(door, count));
    const names: Record<keyof Figures, string> = {
      install: "cold: look into a new one, install it",
      first: "its first call",
      warm: "a later call",
      storage: "a call that keeps and reads a value",
      list: `the list of ${count}`,
    };
    const rows = (["home", "edge"] as const).flatMap((place) =>
      Object.entries(place === "home" ? home : edge).map(([step, ms]) => [
        `${place}: ${names[step as keyof Figures]}`, // its own keys
        ms.length,
        quantile(ms, 0.5),
        quantile(ms, 0.95),
      ]),
    );
    return {
      title: "Calls of plugins, over HTTP on loopback (ms)",
      columns: ["what", "samples", "median", "p95"],
      rows,
      figures: Object.fromEntries(
        Object.entries({ home, edge }).flatMap(([place, steps]) =>
          Object.entries(steps).flatMap(([step, ms]) => [
            [`${place}.${step}.p50_ms`, quantile(ms, 0.5)],
            [`${place}.${step}.p95_ms`, quantile(ms, 0.95)],
          ]),
        ),
      ),
      notes: [
        "Each call is an HTTP request with an API key, written down in the record before and after.",
        "At home a call goes on through the tunnel to the agent and its sandbox; looking into a plugin brings its package there and begins its isolate.",
        "At the edge it is workerd's own loader on this machine: Cloudflare's network was not measured.",
      ],
    };
  },
};

async function atHome(use: (door: Door) => Promise<Figures>): Promise<Figures> {
  const stack = await startStack();
  try {
    return await use(stack);
  } finally {
    await stack.stop();
  }
}

async function measure(door: Door, count: number): Promise<Figures> {
  const figures: Figures = { install: [], first: [], warm: [], storage: [], list: [] };
  const permissions = { storageBytes: 1_000 };
  const timed = async (into: number[], work: () => Promise<void>): Promise<void> => {
    const from = performance.now();
    await work();
    into.push(performance.now() - from);
  };
  for (let n = 0; n < count; n++) {
    const { manifest, files, hash } = await plugin(BODIES, `@bench/p${n}`, permissions);
    const bytes = writePackage(manifest, files);
    await timed(figures.install, async () => {
      await ask(door, "POST", "/api/plugins/inspect", bytes);
      await ask(door, "POST", "/api/plugins", { hash, permissions });
    });
  }
  const call = async (n: number, tool: string): Promise<void> => {
    const answer = await ask(door, "POST", `/api/plugins/bench/p${n}/call`, { tool, input: { n } });
    if (!z.object({ ok: z.boolean() }).parse(answer).ok) throw new Error(JSON.stringify(answer));
  };
  for (let n = 0; n < count; n++) {
    await timed(figures.first, async () => await call(n, "echo"));
    await timed(figures.warm, async () => await call(n, "echo"));
    await timed(figures.storage, async () => await call(n, "kept"));
    if (n % 5 === 0) await timed(figures.list, async () => void (await ask(door, "GET", "/api/plugins")));
  }
  return figures;
}

/** The built Worker with a loader, as it is on Cloudflare: an edge of one's own has none. */
async function atEdge(use: (door: Door) => Promise<Figures>): Promise<Figures> {
  await buildEdgeIfNeeded();
  const { convertV4MiniflareOptions, Miniflare } = await import("miniflare");
  // What build.ts wrote: the worker's options in Miniflare's own form.
  const worker = JSON.parse(await readFile(EDGE_OPTIONS, "utf8")) as Parameters<typeof convertV4MiniflareOptions>[0] & {
    bindings?: Record<string, string>;
  };
  const root = await mkdtemp(join(tmpdir(), "porchlight-plugins-"));
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      ...worker,
      name: "porchlight",
      rootPath: ROOT,
      modules: [{ type: "ESModule", path: EDGE_BUNDLE }],
      modulesRoot: dirname(EDGE_BUNDLE),
      bindings: { ...worker.bindings, SETUP_TOKEN },
      workerLoaders: { LOADER: {} },
      host: "127.0.0.1",
      port: 0,
      cf: false,
    }),
    resourcePersistencePath: root,
  });
  try {
    const { origin } = await miniflare.ready;
    await migrate(await miniflare.getD1Database("DB"), join(ROOT, "migrations"));
    const made = await ask({ origin, apiKey: "" }, "POST", "/api/setup", { token: SETUP_TOKEN });
    return await use({ origin, ...z.object({ apiKey: z.string() }).parse(made) });
  } finally {
    await miniflare.dispose();
    await rm(root, { recursive: true, force: true });
  }
}
