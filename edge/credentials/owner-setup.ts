import type { Context } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { attempt } from "./attempts.ts";
import { audit } from "./audit.ts";
import { secretsEqual } from "./secret.ts";

const STRANGER = { accountId: null, id: null, name: "" };

/** Throws `setup_disabled`, `rate_limited` or `invalid_setup_token` unless this is the set-up token of this edge. */
export async function checkSetupToken(c: Context<AppEnv>, token: string): Promise<void> {
  const { SETUP_TOKEN: expected } = c.env;
  if (!expected) throw new PorchlightError("setup_disabled");
  const succeeded = await attempt(c, "setUp", "all");
  if (!(await secretsEqual(token, expected))) {
    await audit(c, "set_up_refused", { actor: STRANGER });
    throw new PorchlightError("invalid_setup_token");
  }
  await succeeded();
}
