import type { EdgeBindings } from "../../env.ts";
import { database } from "../../store/database.ts";
import { edgeKey } from "../../store/edge-keys.ts";
import { allowedHosts } from "../../webhooks/allowed-hosts.ts";
import { Secrets } from "../plugins/secrets.ts";
import type { Tunnel, Tunnels } from "../tunnels.ts";
import { MountDesk } from "./desk.ts";
import { MachineServers } from "./machine-servers.ts";
import { useRemote } from "./remote-server.ts";
import { ServerSignIns } from "./sign-in/server-sign-ins.ts";
import { SignInTable } from "./sign-in/sign-in-table.ts";

/** Of a plugin's secrets, that of a mounted server: no plugin's name has a colon. */
const BEARER = "bearer";
/** The parts of a sign-in. */
const PARTS = { signed_in: "oauth", pending: "oauth-pending" } as const;
const secretsOf = (name: string): string => `mcp:${name}`;

/** The mounted servers of a Home object, over its tunnels and over HTTP. */
export function homeMounts(
  storage: DurableObjectStorage,
  env: EdgeBindings,
  tunnels: () => Pick<Tunnels, "all" | "openStream">,
): MountDesk {
  const { sql } = storage;
  const secrets = new Secrets(sql, async () => await edgeKey(database(env.DB), "plugin secrets"));
  const machines = new MachineServers<Tunnel>({
    tunnels: () => tunnels().all,
    openStream: (tunnel, header) => tunnels().openStream(tunnel, header),
  });
  const allowed = allowedHosts(env);
  const bearerOf = async (userId: string, name: string): Promise<string | undefined> =>
    await secrets.get(userId, secretsOf(name), BEARER);
  const signIns = new ServerSignIns({
    table: new SignInTable(sql),
    allowed,
    sealed: {
      get: async (userId, name, part) => await secrets.get(userId, secretsOf(name), PARTS[part]),
      put: async (userId, name, part, value) => await secrets.put(userId, secretsOf(name), PARTS[part], value),
      remove: (userId, name, part) => void secrets.remove(userId, secretsOf(name), PARTS[part]),
    },
  });
  return new MountDesk({
    sql,
    signIns,
    servers: {
      async tools({ userId, name, source, bearer }, signal) {
        if (source.kind === "machine") return await machines.tools(source.agentId, source.server, signal);
        const tokens = signIns.tokensFor(userId, name, source.url);
        const from = { url: source.url, bearer, tokens, allowed };
        return await useRemote(from, async (client) => await client.tools());
      },
      async call({ userId, mount: { name, source }, tool: { name: tool, digest }, input, signal, onProgress }) {
        if (source.kind === "machine") {
          const call = { server: source.server, tool, digest, input: JSON.stringify(input) };
          return await machines.call(source.agentId, call, signal, onProgress);
        }
        const call = { tool, digest, input, signal, ...(onProgress === undefined ? {} : { onProgress }) };
        const tokens = signIns.tokensFor(userId, name, source.url);
        const from = { url: source.url, bearer: await bearerOf(userId, name), tokens, allowed };
        return await useRemote(from, async (client) => await client.call(call));
      },
    },
    found: async (signal) => await machines.list(signal),
    bearers: {
      get: bearerOf,
      put: async (userId, name, value) => await secrets.put(userId, secretsOf(name), BEARER, value),
      remove: (userId, name) => void secrets.remove(userId, secretsOf(name), BEARER),
    },
  });
}
