import { promises } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { z } from "zod";

/** A process that changes a model store and kills itself (-9) before its Nth change of the disk. Arguments: operation, models folder, N, folder. */
const [operation = "", modelsDir = "", step = "", folder = ""] = process.argv.slice(2);
let left = Number(step);

/** Everything by which the store changes what is on the disk. */
const CHANGES = ["rename", "link", "symlink", "rm", "mkdir", "writeFile", "chmod", "copyFile"] as const;
for (const change of CHANGES) {
  const original: (...args: never[]) => Promise<unknown> = promises[change];
  Object.assign(promises, {
    [change]: async (...args: never[]) => {
      left -= 1;
      if (left === 0) process.kill(process.pid, "SIGKILL");
      return await original(...args);
    },
  });
}
syncBuiltinESMExports();

const { OPERATIONS } = await import("./store-operations.ts");
await OPERATIONS[z.enum(["add", "roll-back", "remove", "remove-version", "link"]).parse(operation)](modelsDir, folder);
