import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: [
    "./edge/store/schema.ts",
    "./edge/store/oauth-schema.ts",
    "./edge/market/store/schema.ts",
    "./edge/market/store/packages-schema.ts",
    "./edge/market/money/schema.ts",
    "./edge/market/money/sales-schema.ts",
  ],
  out: "./migrations",
});
