import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { MiddlewareHandler } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { apiKeyOf } from "../../shared/api/headers.ts";
import { createInferenceApi } from "../../shared/api/inference-api.ts";
import type { PullModel } from "../../shared/api/ollama/pull-route.ts";
import { createMemoryRecords } from "../../shared/api/openai/kept/memory-records.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import type { AgentStatus } from "./agent-status.ts";
import { type MachineChange, machineChangeSchema } from "./machine-file.ts";
import { type RunSettings, type SettingsChange, settingsChangeSchema } from "./run-settings.ts";
import { writePrivateFile } from "../data-folder.ts";
import type { EngineBackend } from "../engine/backend.ts";

/** Hosts a browser page may have used to get here; any other name was made to point at this machine (DNS rebinding). */
const HOSTS = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

const EDGE_ALONE =
  "A machine has no queue for files and batches: an edge has. Send this to the address of yours, with one of its keys.";

export interface LocalApi {
  url: string;
  stop(): Promise<void>;
}

/**
 * The inference API on loopback, for programs on this machine: same app as at the edge, always with the key. `GET /api/stats` adds
 * the engine's counters, one entry for each loaded model, and `GET /api/status` what `porchlight status` shows; `PATCH /api/status` takes
 * what its owner decides about the machine. `GET` and `PATCH /api/settings`: how models are run, at once.
 */
export async function startLocalApi(options: {
  port: number;
  key: string;
  backend: InferenceBackend;
  pull?: PullModel;
  stats: EngineBackend["stats"];
  status?: () => Promise<AgentStatus>;
  change?: (change: MachineChange) => Promise<unknown>;
  settings?: { now: () => RunSettings; change: (change: SettingsChange) => Promise<RunSettings> };
}): Promise<LocalApi> {
  const authorize: MiddlewareHandler = async (c, next) => {
    if (!HOSTS.test(c.req.header("host") ?? "")) {
      throw new PorchlightError("forbidden", "This address answers to localhost and 127.0.0.1 only.");
    }
    if (!sameSecret(apiKeyOf(c) ?? "", options.key)) throw new PorchlightError("invalid_api_key");
    await next();
  };
  const records = createMemoryRecords();
  const app = createInferenceApi({
    backend: () => options.backend,
    authorize,
    responses: { records: () => records },
    ...(options.pull && { pull: options.pull }),
  });
  for (const path of ["/v1/files", "/v1/files/*", "/v1/batches", "/v1/batches/*"]) {
    app.all(path, () => {
      throw new PorchlightError("not_found", EDGE_ALONE);
    });
  }
  app.get("/api/stats", authorize, async (c) => c.json({ models: await options.stats() }));
  const { status, change } = options;
  if (status) app.get("/api/status", authorize, async (c) => c.json(await status()));
  if (status && change) {
    app.patch("/api/status", authorize, async (c) => {
      await change(await readJsonBody(c.req.raw, machineChangeSchema));
      return c.json(await status());
    });
  }
  const { settings } = options;
  if (settings) {
    app.get("/api/settings", authorize, (c) => c.json(settings.now()));
    app.patch("/api/settings", authorize, async (c) =>
      c.json(await settings.change(await readJsonBody(c.req.raw, settingsChangeSchema))),
    );
  }
  const answer = getRequestListener(app.fetch);
  // The listener answers every failure itself, so its promise does not reject.
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
  const port = await listen(server, options.port);
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The key in `file`; made at the first start. */
export async function loadLocalKey(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  if (/^plk_home_\S{32,}$/.test(text.trim())) return text.trim();
  const key = `plk_home_${randomBytes(24).toString("base64url")}`;
  await writePrivateFile(file, `${key}\n`);
  return key;
}

/** Compares hashes: their length is fixed, so neither length nor content can be told from the time. */
function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** Takes `port`, or any free one when it is taken: the agent must not fail because another program came first. */
async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" && port !== 0) server.listen(0, "127.0.0.1");
      else reject(error);
    });
    server.listen(port, "127.0.0.1", () => resolve());
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has an address");
  return address.port;
}
