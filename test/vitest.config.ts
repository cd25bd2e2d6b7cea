import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Two projects: `edge` runs inside workerd with the real bindings, `node` on Node. */
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
      {
        root,
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations(`${root}migrations`),
                SETUP_TOKEN: "set-up token of the tests",
              },
            },
          })),
        ],
        test: { name: "edge", include: ["test/edge/**/*.test.{ts,tsx}"], setupFiles: ["test/edge/setup.ts"] },
      },
      {
        root,
        test: {
          name: "node",
          // Modules are loaded once per worker: no test here leaves anything in them.
          isolate: false,
          include: ["test/{shared,node-agent,contract,sim}/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
