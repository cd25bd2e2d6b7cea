import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The pages in real Chromium against the whole product. One file at a time: each starts a stack of its own. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    name: "browser",
    include: ["test/browser/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
