import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Ollama } from "ollama";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createPull } from "../../../node-agent/agent/pull.ts";
import { createInferenceApi } from "../../../shared/api/inference-api.ts";
import { tinyRepository } from "../../support/hub-model.ts";
import { visibleModels } from "../../support/hub-pull.ts";
import { TestHub } from "../../support/hub-server.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

let models: Awaited<ReturnType<typeof temporaryFolder>>;
let hub: TestHub;
let server: ReturnType<typeof createServer>;
let client: Ollama;

beforeEach(async () => {
  models = await temporaryFolder();
  hub = await TestHub.start({ files: await tinyRepository() });
  const api = createInferenceApi({
    backend: () => {
      throw new Error("Nothing is asked of a model.");
    },
    pull: createPull(models.path, { HF_ENDPOINT: hub.endpoint }),
  });
  const answer = getRequestListener(api.fetch);
  server = createServer((incoming, outgoing) => void answer(incoming, outgoing)).listen(0, "127.0.0.1");
  await once(server, "listening");
  client = new Ollama({ host: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }); // a TCP server's address is never a string
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await hub[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

it("gets a model for Ollama's client, and says how far it is", async () => {
  const steps = [];
  for await (const step of await client.pull({ model: "acme/tiny", stream: true })) steps.push(step);
  const total = steps.find((step) => step.total > 0)?.total ?? 0;
  expect(total).toBeGreaterThan(0);
  expect(steps[0]?.status).toBe("pulling manifest");
  expect(steps).toContainEqual({ status: "pulling tiny", digest: "tiny", total, completed: total });
  expect(steps.at(-1)?.status).toBe("success");
  expect(await visibleModels(models.path)).toEqual(["tiny"]);
  expect(await client.pull({ model: "acme/tiny" })).toMatchObject({ status: "success" });
});

it("says why a model cannot be had, and takes no paths", async () => {
  hub.options = { ...hub.options, listingStatus: () => 404 };
  await expect(client.pull({ model: "acme/none" })).rejects.toThrow(/status 404/);
  const streamed = async () => {
    for await (const _ of await client.pull({ model: "acme/none", stream: true })) continue;
  };
  await expect(streamed()).rejects.toThrow(/status 404/);
  await expect(client.pull({ model: "./here" })).rejects.toThrow(/name or address/);
  await expect(client.pull({ model: "" })).rejects.toThrow();
  expect(await visibleModels(models.path)).toEqual([]);
});

it("is refused by name where there is no machine", async () => {
  const edge = createInferenceApi({
    backend: () => {
      throw new Error("Nothing is asked of a model.");
    },
  });
  const response = await edge.request("/api/pull", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tiny" }),
  });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ code: "forbidden", error: expect.stringContaining("models pull") });
});
