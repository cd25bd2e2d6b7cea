import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLocalApi } from "../../node-agent/agent/local-api.ts";
import { createEngineBackend } from "../../node-agent/engine/backend.ts";
import { starterModel } from "./engine-starter.ts";

export interface EngineApi {
  url: string;
  key: string;
  stop(): Promise<void>;
}

/** The agent's local API over an engine with the starter model, without edge and tunnel. */
export async function startEngineApi(): Promise<EngineApi> {
  const cacheDir = await mkdtemp(join(tmpdir(), "porchlight-api-"));
  const backend = createEngineBackend({
    models: [starterModel()],
    cacheDir,
    threads: 1,
  });
  const key = "plk_home_test";
  const api = await startLocalApi({ port: 0, key, backend, stats: () => backend.stats() });
  return {
    url: api.url,
    key,
    stop: async () => {
      await api.stop();
      await backend.stop();
      await rm(cacheDir, { recursive: true });
    },
  };
}
