import type { Env, Hono } from "hono";
import { PorchlightError } from "../errors.ts";

/**
 * Answers 405 with `Allow` for every address of `app` asked with a method it does not have. Call it once, after all routes: a
 * route that matches comes first.
 */
export function refuseOtherMethods<E extends Env>(app: Hono<E>): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed, ...(allowed.has("GET") ? ["HEAD"] : [])].join(", ");
    app.all(path, (c) => {
      c.header("allow", allow);
      throw new PorchlightError("method_not_allowed", `This address takes ${allow}, not ${c.req.method}.`);
    });
  }
}
