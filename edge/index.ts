import { app } from "./app.ts";

export { Home } from "./home/home.ts";

export default { fetch: app.fetch };
