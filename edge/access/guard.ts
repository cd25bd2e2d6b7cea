import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { PorchlightError } from "../../shared/errors.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import type { Account, AppEnv } from "../env.ts";
import { requireSameOrigin } from "../middleware/same-origin.ts";
import { hasRole } from "./roles.ts";
import { allowsScope } from "./scopes.ts";
import { ACCESS, type Need } from "./table.ts";

/** Holds each request to the access table, after `authenticate`. A route that the table lacks is closed to everybody. */
export const guard: MiddlewareHandler<AppEnv> = async (c, next) => {
  // What is mounted for all methods is middleware, or the answer to a method that the address does not take.
  for (const { method, path } of matchedRoutes(c)) {
    if (method === "ALL") continue;
    const need = ACCESS[`${method} ${path}`];
    check(need, c.var.account, Date.now());
    if (need?.page === true) requireSameOrigin(c);
  }
  await next();
};

/** Throws `invalid_api_key`, `forbidden` or `confirmation_needed` unless `account` meets `need`. */
function check(need: Need | undefined, account: Account | undefined, nowMs: number): void {
  if (need === undefined) throw new PorchlightError("forbidden", "This address is closed.");
  if (need.role === "anyone") return;
  if (account === undefined) throw new PorchlightError("invalid_api_key");
  if (!hasRole(account.role, need.role)) {
    throw new PorchlightError("forbidden", `Only the ${need.role}'s key or session may do that.`);
  }
  const { key, session } = account;
  if (need.session === true && session === undefined) {
    throw new PorchlightError("forbidden", "Only a person who is signed in may do that, not an API key.");
  }
  if (key !== undefined && !allowsScope(key.scopes, need.scopes ?? [])) {
    throw new PorchlightError("forbidden", `This API key lacks the scope '${need.scopes?.[0] ?? "admin"}'.`);
  }
  if (session === undefined) return;
  const isFresh = nowMs - session.confirmedAt < CREDENTIAL_LIMITS.confirmationMs;
  if (need.fresh === true && !isFresh) throw new PorchlightError("confirmation_needed");
}
