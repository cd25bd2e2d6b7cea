import { describe, expect, it } from "vitest";
import type { Fetcher } from "../../../edge/pages/client/logic/fetcher.ts";
import { readHome } from "../../../edge/pages/client/logic/home.ts";

/** Answers the two questions the page asks. */
function server(agents: Response, models: Response): Fetcher {
  return async (path) => (path === "/api/agents" ? agents : models);
}

const models = { object: "list", data: [{ id: "starter", object: "model", online: true, context_length: 1024 }] };

describe("readHome", () => {
  it("says which machines are online and what they run", async () => {
    const agents = {
      agents: [
        { id: "1", name: "nuc", online: true },
        { id: "2", name: "attic", online: false },
      ],
    };
    expect(await readHome(server(Response.json(agents), Response.json(models)))).toEqual({
      reach: "online",
      machine: "nuc",
      models: [{ id: "starter", online: true, contextLength: 1024 }],
    });
  });

  it("offers no model that cannot chat", async () => {
    const data = [...models.data, { id: "vectors", object: "model", online: true, task: "embed" }];
    const state = await readHome(server(Response.json({ agents: [] }), Response.json({ object: "list", data })));
    expect(state.models.map(({ id }) => id)).toEqual(["starter"]);
  });

  it("is offline without a machine that is online", async () => {
    const state = await readHome(server(Response.json({ agents: [] }), Response.json({ object: "list", data: [] })));
    expect(state).toEqual({ reach: "offline", machine: "", models: [] });
  });

  it("tells a session that ended from a server that is away", async () => {
    const refused = Response.json({ error: { message: "no" } }, { status: 401 });
    expect((await readHome(server(refused, refused.clone()))).reach).toBe("signed_out");
    const down = readHome(async () => Promise.reject(new TypeError("fetch failed")));
    expect((await down).reach).toBe("unreachable");
    expect((await readHome(server(new Response("<h1>"), new Response("<h1>")))).reach).toBe("unreachable");
    expect((await readHome(server(Response.json({ agents: 3 }), Response.json(models)))).reach).toBe("unreachable");
  });
});
