import { app } from "./app.ts";
import type { EdgeBindings } from "./env.ts";
import { marketOf } from "./market/market.ts";
import { database } from "./store/database.ts";
import { purgeExpired } from "./store/purge.ts";

export { Home } from "./home/home.ts";
export { Market } from "./market/market.ts";

export default {
  fetch: app.fetch,
  scheduled: async (_controller: ScheduledController, env: EdgeBindings) => {
    await purgeExpired(database(env.DB), Date.now());
    // Its alarm wakes it as long as nothing goes wrong; this does so once more.
    await marketOf(env).wake();
  },
};
