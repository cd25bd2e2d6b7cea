import { Hono } from "hono";
import { z } from "zod";
import { PorchlightError } from "../../../shared/errors.ts";
import { hasRole } from "../../access/roles.ts";
import type { AppEnv } from "../../env.ts";
import { takeMade } from "../../home/made.ts";
import { mountsOf } from "../../home/mcp/remote-desk.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { ServersPage } from "./page.tsx";

const text = z.string().max(4_096);
const answerSchema = z.object({
  state: z.string().max(128),
  code: text.optional(),
  error: text.optional(),
  iss: text.optional(),
});

/** Servers of MCP whose tools one's models may use. */
export const serverPages = new Hono<AppEnv>();

serverPages.get("/plugins/servers", async (c) => {
  const { id, userId, role } = accountOf(c);
  const desk = mountsOf(c.env, id);
  const [mounts, signIns, found] = await Promise.all([
    desk.list(userId),
    desk.signIns(userId),
    hasRole(role, "owner") ? desk.found() : [],
  ]);
  return await renderPage(c, <ServersPage page={pageProps(c)} mounts={mounts} signIns={signIns} found={found} />);
});

// Where a server's page sends its person back to. The answer is for whoever began, in their own browser: its state says so.
serverPages.get("/plugins/servers/callback", async (c) => {
  const answer = answerSchema.safeParse(c.req.query());
  if (!answer.success) throw new PorchlightError("mcp_sign_in_failed");
  const { id, userId } = accountOf(c);
  takeMade(await mountsOf(c.env, id).finishSignIn(userId, answer.data));
  return c.redirect("/plugins/servers", 303);
});
