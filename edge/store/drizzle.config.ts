import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: ["./edge/store/schema.ts", "./edge/market/store/schema.ts"],
  out: "./migrations",
});
