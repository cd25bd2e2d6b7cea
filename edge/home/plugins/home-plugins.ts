import type { EdgeBindings } from "../../env.ts";
import { requireEntitled } from "../../market/money/entitlement.ts";
import { requireNotRevoked } from "../../market/revoked.ts";
import { database } from "../../store/database.ts";
import { edgeKey } from "../../store/edge-keys.ts";
import type { Machines } from "../dispatch/machines.ts";
import type { Runs } from "../runs/runs.ts";
import type { Tunnel, Tunnels } from "../tunnels.ts";
import { PluginDesk } from "./desk.ts";
import { homeModels } from "./model-port.ts";
import { PackageHolds } from "./package-holds.ts";
import { PackageStore } from "./package-store.ts";
import type { KeptFiles } from "./picked-files.ts";
import { EdgeRuntime } from "./runtime/edge-runtime.ts";
import { HomeRuntime } from "./runtime/home-runtime.ts";
import { marketPort } from "./updates/market-port.ts";

/** The plugins of a Home object, over its tunnels, machines, runs and files. */
export function homePlugins(of: {
  storage: DurableObjectStorage;
  env: EdgeBindings;
  tunnels: () => Pick<Tunnels, "all" | "openStream">;
  machines: Machines;
  runs: () => Runs;
  files: KeptFiles;
  /** The object's own name. */
  home: string;
}): PluginDesk {
  const { home: name, storage, env, tunnels, machines, runs, files } = of;
  const home = new HomeRuntime<Tunnel>({
    tunnels: () => tunnels().all,
    openStream: (tunnel, header) => tunnels().openStream(tunnel, header),
  });
  return new PluginDesk({
    sql: storage.sql,
    transaction: (step) => storage.transactionSync(step),
    packages: new PackageStore(env.PACKAGES),
    runtimes: [new EdgeRuntime(env.LOADER), home],
    market: marketPort(env),
    holds: new PackageHolds({ db: () => database(env.DB), home: name }),
    askModel: async (question, payer, signal) => await homeModels(machines, runs())(question, payer, signal),
    files,
    requireNotRevoked: async (hash) => await requireNotRevoked(database(env.DB), hash),
    requireEntitled: async (userId, manifest) => await requireEntitled(env, userId, manifest),
    secretsKey: async () => await edgeKey(database(env.DB), "plugin secrets"),
  });
}
