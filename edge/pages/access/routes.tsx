import { type Context, Hono } from "hono";
import { hashSecret } from "../../credentials/secret.ts";
import { hasRelyingParty } from "../../credentials/relying-party.ts";
import { takesPasswords } from "../../credentials/password.ts";
import type { AppEnv } from "../../env.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { hasOwner } from "../../store/accounts.ts";
import { listAuditEntries } from "../../store/audit-log.ts";
import { database } from "../../store/database.ts";
import { findInvitation, listInvitations } from "../../store/invitations.ts";
import { listPasskeys } from "../../store/passkeys.ts";
import { countRecoveryCodes } from "../../store/recovery-codes.ts";
import { listSessions } from "../../store/sessions.ts";
import { findUser, listUsers } from "../../store/users.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { AccountPage } from "./account.tsx";
import { AuditPage } from "./audit.tsx";
import { JoinPage } from "./join.tsx";
import { MembersPage } from "./members.tsx";
import { SessionsPage } from "./sessions.tsx";
import { SetUpPage } from "./set-up.tsx";
import { SignInPage } from "./sign-in.tsx";

/** Events on one page of the audit log. */
const AUDIT_PAGE = 50;

/** The pages of people and their ways in. Who may see which is said in the access table. */
export const accessPages = new Hono<AppEnv>();

accessPages.get("/sign-in", async (c) => (c.var.account ? c.redirect("/", 303) : await signInPage(c, 200)));

accessPages.get("/setup", async (c) => {
  if (await hasOwner(database(c.env.DB))) return c.redirect("/", 303);
  return await renderPage(c, <SetUpPage page={pageProps(c)} />);
});

accessPages.get("/join/:code", async (c) => {
  const code = c.req.param("code");
  const found = await findInvitation(database(c.env.DB), await hashSecret(code), Date.now());
  const invitation = found && { code, role: found.role, invitedBy: found.invitedBy };
  return await renderPage(c, <JoinPage page={pageProps(c)} invitation={invitation} />, found ? 200 : 410);
});

accessPages.get("/account", async (c) => {
  const db = database(c.env.DB);
  const { userId, userName } = accountOf(c);
  const [passkeys, recoveryCodes, user] = await Promise.all([
    listPasskeys(db, userId),
    countRecoveryCodes(db, userId),
    findUser(db, userId),
  ]);
  const hasPassword = takesPasswords(c.env) ? typeof user?.passwordHash === "string" : undefined;
  const account = { name: userName, passkeys, recoveryCodes, hasPassword };
  return await renderPage(c, <AccountPage page={pageProps(c)} account={account} />);
});

accessPages.get("/sessions", async (c) => {
  const { userId, session } = accountOf(c);
  const sessions = await listSessions(database(c.env.DB), userId, Date.now());
  return await renderPage(c, <SessionsPage page={pageProps(c)} sessions={sessions} currentId={session?.id} />);
});

accessPages.get("/members", async (c) => {
  const db = database(c.env.DB);
  const { id, userId } = accountOf(c);
  const [members, invitations] = await Promise.all([listUsers(db, id), listInvitations(db, id, Date.now())]);
  const lists = { members, invitations, ownId: userId };
  return await renderPage(c, <MembersPage page={pageProps(c)} {...lists} />);
});

accessPages.get("/audit", async (c) => {
  const asked = /^\d{1,15}$/.exec(c.req.query("before") ?? "")?.[0];
  const before = asked === undefined ? undefined : Number(asked);
  const db = database(c.env.DB);
  // One more than is shown: whether there are older ones.
  const found = await listAuditEntries(db, accountOf(c).id, { before, limit: AUDIT_PAGE + 1 });
  const entries = found.slice(0, AUDIT_PAGE);
  const older = found.length > AUDIT_PAGE ? entries.at(-1)?.id : undefined;
  return await renderPage(c, <AuditPage page={pageProps(c)} entries={entries} older={older} />);
});

/** The ways in, with the status of whatever led here. */
export async function signInPage(c: Context<AppEnv>, status: 200 | 401): Promise<Response> {
  const ways = {
    setUp: await hasOwner(database(c.env.DB)),
    passkeys: hasRelyingParty(c),
    passwords: takesPasswords(c.env),
  };
  return await renderPage(c, <SignInPage page={pageProps(c)} ways={ways} />, status);
}
