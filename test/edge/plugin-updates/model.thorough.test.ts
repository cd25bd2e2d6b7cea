import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { takeMade } from "../../../edge/home/made.ts";
import { PluginDesk } from "../../../edge/home/plugins/desk.ts";
import { PackageStore } from "../../../edge/home/plugins/package-store.ts";
import type { PluginRuntime } from "../../../edge/home/plugins/runtime/runtime.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import type { ListedVersion } from "../../../shared/market/version-list.ts";
import { permissionsSchema } from "../../../shared/plugin/manifest.ts";
import { makePackage, newPublisherKeys } from "../../support/market.ts";

const USER = "somebody";
const NAME = "@ada/tried";
/** Versions in their order, with what each asks for and who signed it. */
const VERSIONS = [
  ["1.0.0", "a", 0],
  ["1.0.1", "ab", 0],
  ["1.0.2-beta", "a", 0],
  ["1.0.2", "a", 0],
  ["1.1.0", "abc", 0],
  ["1.2.0", "ab", 1],
  ["1.3.0-beta", "bc", 0],
  ["1.3.0", "bc", 0],
] as const;
const LAST = VERSIONS.length - 1;

const hashes: string[] = [];
let packages: PackageStore;
beforeAll(async () => {
  const keys = [await newPublisherKeys(), await newPublisherKeys()];
  packages = new PackageStore(env.PACKAGES);
  for (const [version, asks, key] of VERSIONS) {
    const permissions = permissionsSchema.parse({ net: netOf(asks) });
    const made = await makePackage({ name: NAME, version, draft: { permissions } }, keys[key]);
    await packages.put(made, made.bytes);
    hashes.push(made.hash);
  }
  expect(new Set(hashes).size).toBe(VERSIONS.length);
});

type Op =
  | { do: "publish" | "yank" | "revoke"; version: number }
  | { do: "look" | "update" }
  | { do: "mode"; mode: "automatic" | "ask" | "pinned" }
  | { do: "rollback"; at: number }
  | { do: "grant"; hosts: string };

const version = fc.nat({ max: LAST });
const operation: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("publish" as const), version }) },
  fc.record({ do: fc.constantFrom("yank" as const, "revoke" as const), version }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant("look" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("update" as const) }) },
  fc.record({ do: fc.constant("mode" as const), mode: fc.constantFrom("automatic", "ask", "pinned") }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rollback" as const), at: fc.nat({ max: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("grant" as const), hosts: fc.constantFrom("", "a", "b", "ab", "abc") }),
  },
);

/** What should be so: sets of letters for hosts, places in VERSIONS for versions. */
class Model {
  readonly states = new Map<number, "published" | "yanked" | "revoked">([[0, "published"]]);
  at = 0;
  granted: string;
  mode: "automatic" | "ask" | "pinned" = "automatic";
  kept: { at: number; granted: string }[] = [];
  offer: number | undefined;

  constructor() {
    this.granted = asksOf(0);
  }

  listed(): ListedVersion[] {
    return [...this.states].flatMap(([at, state]): ListedVersion[] => {
      const one = { version: numberOf(at), package: hashes[at] ?? "" };
      return state === "revoked" ? [] : [state === "yanked" ? { ...one, yanked: true } : one];
    });
  }

  run(op: Op): void {
    if (op.do === "publish" && this.states.get(op.version) !== "revoked") this.states.set(op.version, "published");
    else if (op.do === "yank" && this.states.get(op.version) === "published") this.states.set(op.version, "yanked");
    else if (op.do === "revoke" && this.states.has(op.version)) this.states.set(op.version, "revoked");
    else if (op.do === "mode") this.mode = op.mode;
    else if (op.do === "grant") this.#said(asksOf(this.at), only(op.hosts, asksOf(this.at)));
    else if (op.do === "look") this.#look();
    else if (op.do === "update") this.#update();
    else if (op.do === "rollback") this.#rollback(op.at);
  }

  #look(): void {
    const isTrial = numberOf(this.at).includes("-");
    const next = [...this.states]
      .filter(([at, state]) => at > this.at && state === "published" && (isTrial || !numberOf(at).includes("-")))
      .map(([at]) => at)
      .toSorted((one, other) => other - one)[0];
    this.offer = next;
    if (next === undefined) return;
    const wantsMore = minus(asksOf(next), asksOf(this.at)) !== "";
    const isFree = this.mode === "automatic" || (this.mode === "pinned" && this.states.get(this.at) === "revoked");
    if (isFree && !wantsMore && keyOf(next) === keyOf(this.at)) this.#install(next, only(this.granted, asksOf(next)));
  }

  #update(): void {
    const next = this.offer;
    if (next === undefined || this.states.get(next) !== "published") return;
    const granted = only(this.granted, asksOf(next)) + minus(asksOf(next), asksOf(this.at));
    this.#install(next, sorted(granted));
    this.#said(asksOf(next), this.granted);
  }

  #rollback(at: number): void {
    const kept = this.kept[at];
    if (kept === undefined || this.states.get(kept.at) === "revoked") return;
    this.#install(kept.at, kept.granted);
    this.mode = "pinned";
  }

  #install(at: number, granted: string): void {
    this.kept = [{ at: this.at, granted: this.granted }, ...this.kept.filter((one) => one.at !== at)].slice(0, 3);
    [this.at, this.granted, this.offer] = [at, granted, undefined];
  }

  /** Their word: what was refused is refused to the earlier ones too. */
  #said(asks: string, granted: string): void {
    this.granted = granted;
    const refused = minus(asks, granted);
    this.kept = this.kept.map((one) => ({ ...one, granted: minus(one.granted, refused) }));
  }
}

it("does what its model does, whatever is published, withdrawn, taken back, pinned, agreed to and gone back to", async () => {
  await runInDurableObject(env.HOME.getByName("updates' model"), async (_, { storage }) => {
    const property = fc.asyncProperty(fc.array(operation, { minLength: 15, maxLength: 35 }), async (ops) => {
      for (const { name } of storage.sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name LIKE 'plugin_%' AND type = 'table'")
        .toArray())
        storage.sql.exec(`DELETE FROM ${name}`);
      const model = new Model();
      const desk = deskFor(storage, model);
      takeMade(await desk.install(USER, hashes[0] ?? "", permissionsSchema.parse({ net: netOf("a") }), false));
      for (const op of ops) {
        await run(desk, op, model);
        model.run(op);
        expect(await stateOf(desk), JSON.stringify(op)).toEqual(expected(model));
      }
    });
    await fc.assert(property, { numRuns: 50 });
  });
});

function deskFor(storage: DurableObjectStorage, model: Model): PluginDesk {
  const isRevoked = (hash: string): boolean => model.states.get(hashes.indexOf(hash)) === "revoked";
  const offers = JSON.stringify([{ name: "a", description: "d", input: { type: "object" } }]);
  const runtime: PluginRuntime = {
    place: "edge",
    ports: {},
    isThere: () => true,
    describe: async () => offers,
    call: async () => "null",
  };
  return new PluginDesk({
    sql: storage.sql,
    transaction: (step) => storage.transactionSync(step),
    packages,
    runtimes: [runtime],
    market: {
      versionsOf: async (names) => names.map(() => model.listed()),
      obtain: async (_, wanted) => {
        const found = model.listed().find((one) => one.version === wanted && one.yanked !== true);
        if (found === undefined) throw new PorchlightError("not_found");
        return found.package;
      },
      revokedAmong: async (asked) => new Set(asked.filter((hash) => isRevoked(hash))),
    },
    holds: { hold: async () => undefined, sync: () => undefined },
    askModel: async () => await Promise.reject(new PorchlightError("plugin_not_granted")),
    files: { fileContent: () => undefined, file: () => undefined } as never, // no call is made
    requireNotRevoked: async (hash) => {
      if (isRevoked(hash)) throw new PorchlightError("plugin_revoked");
    },
    requireEntitled: async () => undefined,
    secretsKey: async () => "key",
  });
}

/** What an operation is on the desk; that some are refused shows in what comes of them. */
async function run(desk: PluginDesk, op: Op, model: Model): Promise<void> {
  if (op.do === "look") await desk.updates.look(USER);
  else if (op.do === "mode") await desk.updates.setMode(USER, NAME, op.mode);
  else if (op.do === "rollback") await desk.updates.rollback(USER, NAME, hashes[model.kept[op.at]?.at ?? -1] ?? "");
  else if (op.do === "grant") {
    const net = netOf(only(op.hosts, asksOf(model.at)));
    desk.change(USER, NAME, { permissions: permissionsSchema.parse({ net }) });
  } else if (op.do === "update") {
    const [view] = await desk.updates.list(USER);
    const { hash = "", permissions } = view?.offer ?? {};
    await desk.updates.update(USER, NAME, {
      hash,
      newSigner: true,
      ...(permissions === undefined ? {} : { permissions }),
    });
  }
}

async function stateOf(desk: PluginDesk) {
  const [view] = await desk.updates.list(USER);
  const installed = desk.get(USER, NAME);
  return {
    version: installed?.version,
    hash: installed?.hash,
    granted: lettersOf(installed?.permissions.net ?? []),
    mode: view?.mode,
    kept: view?.kept.map((one) => one.version),
    offer: view?.offer?.version,
    isRevoked: view?.isRevoked,
  };
}

function expected(model: Model) {
  return {
    version: numberOf(model.at),
    hash: hashes[model.at],
    granted: sorted(model.granted),
    mode: model.mode,
    kept: model.kept.map((one) => numberOf(one.at)),
    offer: model.offer === undefined ? undefined : numberOf(model.offer),
    isRevoked: model.states.get(model.at) === "revoked",
  };
}

function numberOf(at: number): string {
  return VERSIONS[at]?.[0] ?? "";
}

function asksOf(at: number): string {
  return VERSIONS[at]?.[1] ?? "";
}

function keyOf(at: number): number | undefined {
  return VERSIONS[at]?.[2];
}

function netOf(letters: string): string[] {
  return Array.from(letters).map((letter) => `${letter}.example.com`);
}

function lettersOf(net: readonly string[]): string {
  return sorted(net.map((host) => host.slice(0, 1)).join(""));
}

function only(letters: string, among: string): string {
  return Array.from(letters)
    .filter((letter) => among.includes(letter))
    .join("");
}

function minus(letters: string, others: string): string {
  return Array.from(letters)
    .filter((letter) => !others.includes(letter))
    .join("");
}

function sorted(letters: string): string {
  return Array.from(letters).toSorted().join("");
}
