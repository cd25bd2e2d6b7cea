import type { Context, Hono } from "hono";
import { z } from "zod";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { attempt } from "../credentials/attempts.ts";
import { audit } from "../credentials/audit.ts";
import { requireFresh } from "../credentials/require-fresh.ts";
import { hashSecret } from "../credentials/secret.ts";
import { normalUserCode } from "../credentials/user-code.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { decideDeviceAuthorization, findByUserCode } from "../store/device-authorizations.ts";

const findSchema = z.strictObject({ userCode: z.string().max(64) });
const emptySchema = z.strictObject({});

/** The owner's side of the device flow: from the code that a machine shows to a yes or a no. */
export function mountDeviceAuthorizations(app: Hono<AppEnv>): void {
  app.post("/api/device-authorizations/find", async (c) => {
    const { userCode } = await readJsonBody(c.req.raw, findSchema);
    const { userId } = accountOf(c);
    const right = await Promise.all([attempt(c, "userCode", userId), attempt(c, "userCodeDay", userId)]);
    const hash = await hashSecret(normalUserCode(userCode));
    const found = await findByUserCode(database(c.env.DB), hash, Date.now());
    if (!found) throw new PorchlightError("user_code_unknown");
    await Promise.all(right.map(async (takeBack) => await takeBack()));
    return c.json({ id: found.id });
  });

  app.post("/api/device-authorizations/:id/approve", async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    await requireFresh(c);
    await decide(c, c.req.param("id"), "approved");
    return c.json({});
  });

  app.post("/api/device-authorizations/:id/deny", async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    await decide(c, c.req.param("id"), "denied");
    return c.json({});
  });
}

async function decide(c: Context<AppEnv>, id: string, state: "approved" | "denied"): Promise<void> {
  const decision = { state, decidedBy: accountOf(c).userId };
  const decided = await decideDeviceAuthorization(database(c.env.DB), id, decision, Date.now());
  if (!decided) throw new PorchlightError("user_code_unknown");
  await audit(c, state === "approved" ? "agent_approved" : "agent_denied", { target: decided.name });
}
