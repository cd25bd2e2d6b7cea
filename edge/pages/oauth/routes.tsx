import { Hono } from "hono";
import type { AppEnv } from "../../env.ts";
import { homeOf } from "../../home/backend.ts";
import type { OfferedTool } from "../../home/plugins/tool-box.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { readAuthorizationRequest } from "../../oauth/authorization-request.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { ConsentPage, ProblemWithClientPage } from "./consent.tsx";

/** `/oauth/authorize`: a program has sent its person here to be let in. */
export const oauthPages = new Hono<AppEnv>();

oauthPages.get("/oauth/authorize", async (c) => {
  const { id, userId } = accountOf(c);
  const query = new URL(c.req.url).search.slice(1);
  const read = await readAuthorizationRequest(c, query);
  const page = pageProps(c);
  if ("problem" in read) return await renderPage(c, <ProblemWithClientPage page={page} problem={read.problem} />, 400);
  // As text: see edge/mcp/home-tools.ts. The object made it of just these.
  const tools = JSON.parse(await homeOf(c.env, id).offeredTools(userId)) as OfferedTool[];
  return await renderPage(c, <ConsentPage page={page} asked={read.asked} query={query} tools={tools} />);
});
