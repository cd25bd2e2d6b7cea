import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { deployEdge } from "../../../node-agent/commands/edge-deploy.ts";
import { filledIn, parseConfig, resourcesOf } from "../../../node-agent/edge/deploy/config.ts";
import { ensureBucket, ensureDatabase, ensureQueue, secretsOf } from "../../../node-agent/edge/deploy/ensure.ts";
import type { RunWrangler } from "../../../node-agent/edge/deploy/wrangler.ts";

const raw = {
  name: "porchlight",
  main: "edge/index.ts",
  d1_databases: [{ binding: "DB", database_name: "porchlight", database_id: "0000", migrations_dir: "migrations" }],
  r2_buckets: [{ binding: "PACKAGES", bucket_name: "packages" }],
  queues: {
    producers: [{ binding: "WORK", queue: "work" }],
    consumers: [{ queue: "work", dead_letter_queue: "dead" }],
  },
  vars: { PUBLIC_ORIGIN: "", PASSWORDS: "off" },
};

describe("the configuration that is deployed", () => {
  it("names what has to be there, each once", () => {
    expect(resourcesOf(parseConfig(raw))).toEqual({
      databases: ["porchlight"],
      buckets: ["packages"],
      queues: ["work", "dead"],
    });
    expect(resourcesOf(parseConfig({ name: "x" }))).toEqual({ databases: [], buckets: [], queues: [] });
    expect(() => parseConfig({ name: "x", d1_databases: [{ binding: "DB" }] })).toThrow(/database_name/);
  });

  it("has the account's own ids and the chosen origin, and all else as it was", () => {
    const ids = new Map([["porchlight", "id-here"]]);
    const own = filledIn(parseConfig(raw), ids, "https://home.example");
    expect(own).toMatchObject({
      main: "edge/index.ts",
      d1_databases: [{ binding: "DB", database_id: "id-here", migrations_dir: "migrations" }],
      vars: { PUBLIC_ORIGIN: "https://home.example", PASSWORDS: "off" },
      routes: [{ pattern: "home.example", custom_domain: true }],
    });
    expect(filledIn(parseConfig(raw), ids, "https://porchlight.me.workers.dev")).not.toHaveProperty("routes");
    expect(filledIn(parseConfig(raw), ids, undefined)).toMatchObject({ vars: raw.vars });
  });
});

/** Answers as wrangler's own, by the words of the command; test/campaign/deploy.ts runs the real one. */
function wrangler(answers: Record<string, string | { fails: string }>): { run: RunWrangler; asked: string[] } {
  const asked: string[] = [];
  const run: RunWrangler = async (args) => {
    asked.push(args.join(" "));
    const key = Object.keys(answers).find((start) => args.join(" ").startsWith(start));
    const answer = key === undefined ? { fails: "unexpected" } : (answers[key] ?? "");
    if (typeof answer === "string") return { code: 0, stdout: answer, output: answer };
    return { code: 1, stdout: "", output: answer.fails };
  };
  return { run, asked };
}

describe("what has to be there", () => {
  it("is left as it is where it is there", async () => {
    const made: string[] = [];
    const note = (what: string) => made.push(what);
    const { run, asked } = wrangler({
      "d1 list": 'A warning of some kind\n[{"uuid":"a","name":"other"},{"uuid":"b","name":"porchlight"}]',
      "r2 bucket list": "Listing buckets...\nname:           packages\ncreation_date:  2026-01-01T00:00:00.000Z\n",
      "queues info work": "Queue Name: work",
      "secret list": '[{"name":"SETUP_TOKEN","type":"secret_text"}]',
    });
    expect(await ensureDatabase(run, "porchlight", note)).toBe("b");
    await ensureBucket(run, "packages", note);
    await ensureQueue(run, "work", note);
    expect(await secretsOf(run, "file")).toEqual(["SETUP_TOKEN"]);
    expect(made).toEqual([]);
    expect(asked.some((command) => command.includes("create"))).toBe(false);
  });

  it("is not made when it only cannot be seen", async () => {
    const note = () => undefined;
    const { run, asked } = wrangler({
      queues: { fails: "Authentication error [code: 10000]" },
      secret: { fails: "Authentication error" },
    });
    await expect(ensureQueue(run, "work", note)).rejects.toThrow(/Authentication error/);
    await expect(secretsOf(run, "file")).rejects.toThrow(/Authentication error/);
    await expect(ensureDatabase(run, "porchlight", note)).rejects.toThrow(/'wrangler d1 list --json' failed/);
    await expect(
      ensureBucket(wrangler({ "r2 bucket list": "name: packages-2\n" }).run, "packages", note),
    ).rejects.toThrow(/create/);
    expect(asked.some((command) => command.includes("create"))).toBe(false);
  });

  it("says so when wrangler answers otherwise than it is known to", async () => {
    await expect(ensureDatabase(wrangler({ "d1 list": "no list" }).run, "p", () => undefined)).rejects.toThrow(
      /not known here/,
    );
  });
});

const TOML = `
name = "porchlight"
main = "edge/index.ts"
d1_databases = [{ binding = "DB", database_name = "porchlight", database_id = "0000" }]
r2_buckets = [{ binding = "BACKUPS", bucket_name = "porchlight-backups" }]
[[queues.producers]]
binding = "WORK"
queue = "porchlight-work"
`;

describe("a deployment", () => {
  /** Remembers what was made, as an account does, and the configuration of each deployment. */
  function account() {
    const made = new Set<string>();
    const configs: { d1_databases: unknown; r2_buckets: unknown; queues: unknown }[] = [];
    const asked: string[] = [];
    const run: RunWrangler = async (args) => {
      const command = args.filter((word) => !word.startsWith("/")).join(" ");
      asked.push(command);
      const ok = (stdout: string) => ({ code: 0, stdout, output: stdout });
      const failed = (output: string) => ({ code: 1, stdout: "", output });
      const [create] = /^(?:d1|r2 bucket|queues) create (\S+)$/.exec(command)?.slice(1) ?? [];
      if (create !== undefined) made.add(create);
      if (command === "d1 list --json")
        return ok(made.has("porchlight") ? '[{"uuid":"id","name":"porchlight"}]' : "[]");
      if (command === "r2 bucket list") return ok([...made].map((name) => `name:   ${name}`).join("\n"));
      if (command.startsWith("queues info") && !made.has(args[2] ?? "")) return failed("Queue does not exist");
      if (command.startsWith("secret list"))
        return configs.length === 0 ? failed("[code: 10007]") : ok('[{"name":"SETUP_TOKEN"}]');
      if (command.startsWith("deploy --config")) configs.push(JSON.parse(await readFile(args[2] ?? "", "utf8")));
      return ok("");
    };
    return { run, asked, configs };
  }

  it("makes databases, buckets and queues before the Worker that is bound to them, and none twice", async () => {
    const root = await mkdtemp(join(tmpdir(), "porchlight-deploy-"));
    const toml = join(root, "wrangler.toml");
    await writeFile(toml, TOML);
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      const { run, asked, configs } = account();
      expect(await deployEdge({ data: root, dryRun: true }, run, toml)).toBe(0);
      expect(asked).toEqual(["deploy --dry-run --outdir --config"]);
      const told = said.mock.calls.join("");
      expect(told).toMatch(/D1 database porchlight.*\n.*R2 bucket porchlight-backups.*\n.*queue porchlight-work/);
      asked.length = 0;
      expect(await deployEdge({ data: root, dryRun: false }, run, toml)).toBe(0);
      expect(asked).toEqual([
        "d1 list --json",
        "d1 create porchlight",
        "d1 list --json",
        "r2 bucket list",
        "r2 bucket create porchlight-backups",
        "queues info porchlight-work",
        "queues create porchlight-work",
        "d1 migrations apply porchlight --remote --config",
        "secret list --format json --config",
        "deploy --config --secrets-file",
      ]);
      asked.length = 0;
      expect(await deployEdge({ data: root, dryRun: false }, run, toml)).toBe(0);
      expect(asked.filter((command) => command.includes("create"))).toEqual([]);
      expect(asked.at(-1)).toBe("deploy --config");
      expect(configs[1]).toMatchObject({
        d1_databases: [{ binding: "DB", database_id: "id" }],
        r2_buckets: [{ binding: "BACKUPS", bucket_name: "porchlight-backups" }],
        queues: { producers: [{ binding: "WORK", queue: "porchlight-work" }] },
      });
      expect(existsSync(new URL("../../../wrangler.deploy.json", import.meta.url))).toBe(false);
    } finally {
      said.mockRestore();
      await rm(root, { recursive: true, force: true });
    }
  });
});
