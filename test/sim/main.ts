import { replaceRuntime } from "./edge/workerd.ts";
import { replaceGlobals } from "./kernel/globals.ts";
import { hookModules } from "./loader.ts";
import { PLANTS } from "./plants.ts";

const planted = process.argv.indexOf("--plant");
const name = planted === -1 ? undefined : process.argv[planted + 1];
hookModules(name === undefined ? [] : (PLANTS[name]?.changes ?? []));
replaceRuntime();
replaceGlobals();
const { simulate } = await import("./simulate.ts");
process.exitCode = await simulate(process.argv.slice(2));
