import { app } from "./app.ts";
import type { EdgeBindings } from "./env.ts";
import { database } from "./store/database.ts";
import { purgeExpired } from "./store/purge.ts";

export { Home } from "./home/home.ts";
export { Market } from "./market/market.ts";

export default {
  fetch: app.fetch,
  scheduled: (_controller: ScheduledController, env: EdgeBindings) => purgeExpired(database(env.DB), Date.now()),
};
