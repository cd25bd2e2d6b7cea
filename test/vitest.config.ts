import { generateKeyPairSync } from "node:crypto";
import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A key as 'porchlight market init' writes it. */
const marketKey = (): string =>
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "der" }).toString("base64url");

/** A busy machine is slow, not wrong. */
const patience = { testTimeout: 30_000, hookTimeout: 60_000, expect: { poll: { timeout: 10_000 } } };

/** What takes too long for every run. */
const THOROUGH = "**/*.thorough.test.ts";

const onNode = {
  /** Modules are loaded once per worker: no test here leaves anything in them. */
  isolate: false,
  /** Node runs the sources as they are; only to measure coverage are they rewritten first. */
  experimental: { viteModuleRunner: process.argv.includes("--coverage"), nodeLoader: false },
  ...patience,
};

/** Tests inside workerd with the real bindings. */
function inWorkerd(files: { name: string; include: string[]; exclude: string[] }) {
  const worker = async () => ({
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: {
      bindings: {
        TEST_MIGRATIONS: await readD1Migrations(`${root}migrations`),
        SETUP_TOKEN: "set-up token of the tests",
        TEST_PAYMENTS: "on",
        MARKET_KEYS: JSON.stringify({ targets: marketKey(), snapshot: marketKey(), timestamp: marketKey() }),
      },
    },
  });
  return {
    root,
    plugins: [cloudflareTest(worker)],
    test: {
      ...files,
      // See setup.ts: starting a worker for each file takes longer than most files.
      isolate: false,
      setupFiles: ["test/edge/setup.ts"],
      // One file in place of its 180.
      deps: { optimizer: { ssr: { enabled: true, include: ["stripe"] } } },
      ...patience,
    },
  };
}

/**
 * `edge` runs inside workerd with the real bindings, `node` on Node. `plugins` tries those of this repository in their sandbox.
 * `thorough` and `thorough-edge` hold the engine to other implementations and to its memory by whole models, kill whole processes, and
 * go through long random stories: too long for every run.
 */
export default defineConfig({
  root,
  test: {
    // Many tests wait for other processes: one worker more than the smallest machine has cores.
    maxWorkers: 3,
    coverage: {
      provider: "istanbul",
      include: ["shared/**/*.ts", "edge/**/*.{ts,tsx}", "node-agent/**/*.ts"],
      exclude: ["edge/pages/client/**", "**/*.d.ts"],
      reporter: ["text-summary", "json-summary", "html"],
      reportsDirectory: "coverage",
    },
    projects: [
      inWorkerd({ name: "edge", include: ["test/edge/**/*.test.{ts,tsx}"], exclude: [THOROUGH] }),
      {
        root,
        test: {
          ...onNode,
          name: "node",
          include: ["test/{shared,node-agent,contract,sim}/**/*.test.ts"],
          exclude: [THOROUGH],
        },
      },
      {
        root,
        test: {
          ...onNode,
          name: "plugins",
          include: ["test/plugins/**/*.test.ts"],
          exclude: [THOROUGH],
        },
      },
      { root, test: { ...onNode, name: "thorough", include: [THOROUGH], exclude: ["test/edge/**"] } },
      inWorkerd({ name: "thorough-edge", include: ["test/edge/**/*.thorough.test.ts"], exclude: [] }),
    ],
  },
});
