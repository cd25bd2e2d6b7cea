import { Hono } from "hono";
import { fingerprintOf } from "../../../shared/protocol/fingerprint.ts";
import type { AppEnv } from "../../env.ts";
import { homeOf } from "../../home/backend.ts";
import { agentsOf } from "../../home/list-agents.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { originOf } from "../../origin.ts";
import { listRevokedAgents } from "../../store/agents.ts";
import { database } from "../../store/database.ts";
import { findDeviceAuthorization } from "../../store/device-authorizations.ts";
import { pageHeaders } from "../headers.ts";
import { pageProps } from "../page-props.ts";
import { detectLocale, switchLanguage } from "../preferences.ts";
import { renderPage } from "../render.ts";
import { AgentsPage } from "./agents.tsx";
import { DeviceDecisionPage, DevicePage, PairingLinkPage } from "./device.tsx";

/** Revoked machines that the list shows. */
const REVOKED_SHOWN = 10;

/** The pages of home machines. */
export const machinePages = new Hono<AppEnv>();

machinePages.get("/agents", async (c) => {
  const { id } = accountOf(c);
  const [agents, { replay }, revoked] = await Promise.all([
    agentsOf(c.env, id),
    homeOf(c.env, id).dispatchSettings(),
    listRevokedAgents(database(c.env.DB), id, REVOKED_SHOWN),
  ]);
  const lists = { agents, revoked, replay, origin: originOf(c) };
  return await renderPage(c, <AgentsPage page={pageProps(c)} {...lists} />);
});

machinePages.get("/device", async (c) => {
  const userCode = (c.req.query("user_code") ?? "").slice(0, 32);
  return await renderPage(c, <DevicePage page={pageProps(c)} userCode={userCode} />);
});

machinePages.get("/device/:id", async (c) => {
  const found = await findDeviceAuthorization(database(c.env.DB), c.req.param("id"), Date.now());
  const device = found && { ...found, fingerprint: await fingerprintOf(found.publicKey) };
  return await renderPage(c, <DeviceDecisionPage page={pageProps(c)} device={device} />, device ? 200 : 410);
});

// Not among PAGE_PATHS: machines post to the same address, without a cookie, and follow no redirect.
machinePages.get("/j/:code", pageHeaders, switchLanguage, detectLocale, async (c) => {
  const code = c.req.param("code").replaceAll(/[^\w-]/g, "");
  return await renderPage(c, <PairingLinkPage page={pageProps(c)} link={`${originOf(c)}/j/${code}`} />);
});
