import { OpenAPIHono } from "@hono/zod-openapi";
import { createInferenceApi } from "../shared/api/inference-api.ts";
import type { AppEnv } from "./env.ts";
import { accountBackend } from "./home/account-backend.ts";
import { keptRecordsOf } from "./home/kept/remote-desk.ts";
import { accountOf, requireAccount } from "./middleware/authenticate.ts";
import { mountAccount } from "./routes/account.ts";
import { mountAccountSessions } from "./routes/account-sessions.ts";
import { mountAgent } from "./routes/agent.ts";
import { mountDispatch } from "./routes/dispatch.ts";
import { mountAgentService } from "./routes/agent-service.ts";
import { mountAgentBackup } from "./routes/agent-backup.ts";
import { mountAgentLeave } from "./routes/agent-leave.ts";
import { mountAgents } from "./routes/agents.ts";
import { mountConfirm } from "./routes/confirm.ts";
import { mountDeviceAuthorizations } from "./routes/device-authorizations.ts";
import { mountEnter } from "./routes/enter.ts";
import { mountBatches } from "./routes/batches.ts";
import { mountFiles } from "./routes/files.ts";
import { mountHealthz } from "./routes/healthz.ts";
import { mountInvitations } from "./routes/invitations.ts";
import { mountJoin } from "./routes/join.ts";
import { mountJoinHousehold } from "./routes/join-household.ts";
import { chatJobs } from "./routes/chat-jobs.ts";
import { responseJobs } from "./routes/response-jobs.ts";
import { mountJobs } from "./routes/jobs.ts";
import { mountJob } from "./routes/jobs-job.ts";
import { mountKey } from "./routes/key.ts";
import { mountKeys } from "./routes/keys.ts";
import { mountScheduleTimes } from "./routes/schedule-times.ts";
import { mountSchedules } from "./routes/schedules.ts";
import { mountSchedule } from "./routes/schedules-schedule.ts";
import { mountMemory } from "./routes/memory.ts";
import { mountFact } from "./routes/memory-fact.ts";
import { mountMarketCatalogue } from "./routes/market-catalogue.ts";
import { mountMarketDesk } from "./routes/market-desk.ts";
import { mountMarketFiles } from "./routes/market-files.ts";
import { mountMarketPublisher } from "./routes/market-publisher.ts";
import { mountMarketReports } from "./routes/market-reports.ts";
import { mountMarketRoles } from "./routes/market-roles.ts";
import { mountMarketRoot } from "./routes/market-root.ts";
import { mountMarketVersions } from "./routes/market-versions.ts";
import { mountMarketYank } from "./routes/market-yank.ts";
import { mountMembers } from "./routes/members.ts";
import { mountDeviceAuthorization } from "./routes/oauth/device-authorization.ts";
import { mountToken } from "./routes/oauth/token.ts";
import { mountPairingCodes } from "./routes/pairing-codes.ts";
import { mountPasskeys } from "./routes/passkeys.ts";
import { mountSessionSettings } from "./routes/session-settings.ts";
import { mountSessions } from "./routes/sessions.ts";
import { mountSessionExport } from "./routes/sessions-export.ts";
import { mountSessionImport } from "./routes/sessions-import.ts";
import { mountSessionSearch } from "./routes/sessions-search.ts";
import { mountSession } from "./routes/sessions-session.ts";
import { mountSessionTurns } from "./routes/session-turns.ts";
import { mountSetup } from "./routes/setup.ts";
import { mountSetupPasskey } from "./routes/setup-passkey.ts";
import { mountSignIn } from "./routes/sign-in.ts";
import { mountSignInLinks } from "./routes/sign-in-links.ts";
import { mountSignOut } from "./routes/sign-out.ts";
import { mountTunnel } from "./routes/tunnel.ts";
import { mountUsage } from "./routes/usage.ts";
import { mountWebhooks } from "./routes/webhooks.ts";
import { mountWebhook } from "./routes/webhooks-webhook.ts";

/** Everything that is not a page: the inference API over the account's machines, and what only the edge has. */
export const api = new OpenAPIHono<AppEnv>();

api.route(
  "/",
  createInferenceApi<AppEnv>({
    backend: accountBackend,
    authorize: requireAccount,
    keepsAnswers: true,
    jobs: chatJobs,
    responses: { records: (c) => keptRecordsOf(c.env, accountOf(c)), jobs: responseJobs },
  }),
);

mountFiles(api);
mountBatches(api);
mountJobs(api);
mountJob(api);
mountWebhooks(api);
mountWebhook(api);
mountSchedules(api);
mountSchedule(api);
mountScheduleTimes(api);
mountSessions(api);
mountSessionImport(api);
mountSessionExport(api);
mountSessionSearch(api);
mountSession(api);
mountSessionTurns(api);
mountSessionSettings(api);
mountMemory(api);
mountFact(api);
mountKeys(api);
mountKey(api);
mountUsage(api);
mountAgents(api);
mountAgent(api);
mountAgentService(api);
mountDispatch(api);
mountAgentLeave(api);
mountAgentBackup(api);
mountDeviceAuthorization(api);
mountToken(api);
mountDeviceAuthorizations(api);
mountPairingCodes(api);
mountJoin(api);
mountSetup(api);
mountSetupPasskey(api);
mountSignIn(api);
mountSignInLinks(api);
mountEnter(api);
mountSignOut(api);
mountConfirm(api);
mountAccount(api);
mountPasskeys(api);
mountAccountSessions(api);
mountMembers(api);
mountInvitations(api);
mountJoinHousehold(api);
mountMarketCatalogue(api);
mountMarketReports(api);
mountMarketPublisher(api);
mountMarketVersions(api);
mountMarketYank(api);
mountMarketDesk(api);
mountMarketRoles(api);
mountMarketRoot(api);
mountMarketFiles(api);
mountTunnel(api);
mountHealthz(api);
