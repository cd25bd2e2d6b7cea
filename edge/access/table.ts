import type { Role } from "./roles.ts";
import type { Scope } from "./scopes.ts";

/** What a route asks of whoever calls it. */
export interface Need {
  /** `anyone`: without credentials. Otherwise the least role. */
  role: Role | "anyone";
  /** What an API key must be for, any of these or `admin`; absent: `admin` alone. Sessions have no scopes. */
  scopes?: readonly Scope[];
  /** Only for a browser's session: what concerns the person, which no key may touch. */
  session?: true;
  /** Whoever comes by session must have proved within the last minutes to be there (see `CREDENTIAL_LIMITS.confirmationMs`). */
  fresh?: true;
  /** Only from this edge's own pages, though nobody is signed in yet: no other site may sign a browser in. */
  page?: true;
}

const ANYONE: Need = { role: "anyone" };
const OWN_PAGES: Need = { role: "anyone", page: true };
const VIEWER: Need = { role: "viewer" };
const INFERENCE: Need = { role: "viewer", scopes: ["inference"] };
/** A person's conversations, and what belongs to them. */
const SESSIONS: Need = { role: "viewer", scopes: ["sessions"] };
/** One's own plugins, and what models want to do with them. */
const PLUGINS: Need = { role: "viewer", scopes: ["plugins"] };
const MODELS: Need = { role: "viewer", scopes: ["inference", "models:read"] };
const MEMBER: Need = { role: "member" };
const PLUGINS_CHANGE: Need = { role: "member", scopes: ["plugins"] };
/** One's own plugins in the market. */
const PUBLISH: Need = { role: "member", scopes: ["publish"] };
const OWNER: Need = { role: "owner" };
/** One's own affairs: everybody has some, whatever their role. */
const SELF: Need = { role: "viewer", session: true };
const SELF_FRESH: Need = { ...SELF, fresh: true };
const OWNER_HERE: Need = { role: "owner", session: true };
const OWNER_FRESH: Need = { ...OWNER_HERE, fresh: true };

/**
 * Every route of the edge and what it needs: the one place where that is said. `access/guard.ts` holds every request to it, and
 * refuses whatever is missing here; a test goes through the router and tries each.
 */
export const ACCESS: Readonly<Record<string, Need>> = {
  // The inference API.
  "GET /v1/models": MODELS,
  "GET /v1/models/:model{.+}": MODELS,
  "POST /v1/chat/completions": INFERENCE,
  "GET /v1/chat/completions/:id": INFERENCE,
  "POST /v1/chat/completions/:id/cancel": INFERENCE,
  "POST /v1/embeddings": INFERENCE,
  "POST /v1/completions": INFERENCE,
  "POST /v1/responses": INFERENCE,
  "GET /v1/responses/:id": INFERENCE,
  "DELETE /v1/responses/:id": INFERENCE,
  "POST /v1/responses/:id/cancel": INFERENCE,
  "GET /v1/responses/:id/input_items": INFERENCE,
  "GET /v1/files": INFERENCE,
  "POST /v1/files": INFERENCE,
  "GET /v1/files/:id": INFERENCE,
  "DELETE /v1/files/:id": INFERENCE,
  "GET /v1/files/:id/content": INFERENCE,
  "GET /v1/batches": INFERENCE,
  "POST /v1/batches": INFERENCE,
  "GET /v1/batches/:id": INFERENCE,
  "POST /v1/batches/:id/cancel": INFERENCE,
  "POST /v1/conversations": INFERENCE,
  "GET /v1/conversations/:id": INFERENCE,
  "POST /v1/conversations/:id": INFERENCE,
  "DELETE /v1/conversations/:id": INFERENCE,
  "GET /v1/conversations/:id/items": INFERENCE,
  "POST /v1/conversations/:id/items": INFERENCE,
  "GET /v1/conversations/:id/items/:item": INFERENCE,
  "DELETE /v1/conversations/:id/items/:item": INFERENCE,
  "POST /v1/messages": INFERENCE,
  "POST /v1/messages/count_tokens": INFERENCE,
  "POST /api/chat": INFERENCE,
  "POST /api/generate": INFERENCE,
  "POST /api/embed": INFERENCE,
  "POST /api/embeddings": INFERENCE,
  "GET /api/tags": MODELS,
  "GET /api/ps": MODELS,
  "GET /api/version": MODELS,
  "POST /api/show": MODELS,
  "POST /api/pull": MODELS,

  // Jobs, and who is told of them.
  "GET /api/jobs": INFERENCE,
  "POST /api/jobs": INFERENCE,
  "GET /api/jobs/:id": INFERENCE,
  "POST /api/jobs/:id/cancel": INFERENCE,
  "DELETE /api/jobs/:id": INFERENCE,
  "GET /api/webhooks": MEMBER,
  "POST /api/webhooks": MEMBER,
  "DELETE /api/webhooks/:id": MEMBER,
  "POST /api/webhooks/:id/secret": MEMBER,
  "POST /api/webhooks/:id/test": MEMBER,

  // Prompts that ask themselves. What lands in sessions takes the scope for those as well: see routes/schedules-access.ts.
  "GET /api/schedules": INFERENCE,
  "POST /api/schedules": INFERENCE,
  "GET /api/schedules/:id": INFERENCE,
  "PATCH /api/schedules/:id": INFERENCE,
  "DELETE /api/schedules/:id": INFERENCE,
  "POST /api/schedules/:id/run": INFERENCE,
  "GET /api/schedules/:id/runs": INFERENCE,
  "GET /api/schedule-times": INFERENCE,

  // Plugins.
  "POST /api/plugins/inspect": PLUGINS_CHANGE,
  "GET /api/plugins": PLUGINS,
  "POST /api/plugins": PLUGINS_CHANGE,
  "GET /api/plugins/updates": PLUGINS,
  "POST /api/plugins/updates": PLUGINS_CHANGE,
  "POST /api/plugins/:publisher/:name/update": PLUGINS_CHANGE,
  "POST /api/plugins/:publisher/:name/rollback": PLUGINS_CHANGE,
  "PATCH /api/plugins/:publisher/:name/updates": PLUGINS_CHANGE,
  "GET /api/plugins/:publisher/:name": PLUGINS,
  "PATCH /api/plugins/:publisher/:name": PLUGINS_CHANGE,
  "DELETE /api/plugins/:publisher/:name": PLUGINS_CHANGE,
  "PUT /api/plugins/:publisher/:name/secrets/:secret": PLUGINS_CHANGE,
  "DELETE /api/plugins/:publisher/:name/secrets/:secret": PLUGINS_CHANGE,
  "POST /api/plugins/:publisher/:name/call": PLUGINS,
  "GET /api/plugin-calls": PLUGINS,
  "GET /api/plugin-calls/:id": PLUGINS,
  "POST /mcp": PLUGINS,
  "GET /api/connected-clients": VIEWER,
  "DELETE /api/connected-clients/:id": VIEWER,
  // Servers on machines are the owner's to mount: see routes/mcp-servers.ts.
  "GET /api/mcp-servers": PLUGINS,
  "POST /api/mcp-servers": PLUGINS_CHANGE,
  "POST /api/mcp-servers/look": PLUGINS_CHANGE,
  "POST /api/mcp-sign-ins": PLUGINS_CHANGE,
  "GET /oauth/client.json": ANYONE,
  "PATCH /api/mcp-servers/:name": PLUGINS_CHANGE,
  "DELETE /api/mcp-servers/:name": PLUGINS_CHANGE,

  // What others send to. That a message is its sender's, its signature says.
  "POST /hooks/:id": ANYONE,
  // Those into conversations take the scopes for these as well: see routes/inbound-webhooks.ts.
  "GET /api/hooks": PLUGINS,
  "POST /api/hooks": PLUGINS_CHANGE,
  "PATCH /api/hooks/:id": PLUGINS_CHANGE,
  "DELETE /api/hooks/:id": PLUGINS_CHANGE,
  "POST /api/hooks/:id/secret": PLUGINS_CHANGE,
  "GET /api/hooks/:id/deliveries": PLUGINS,
  "GET /api/hooks/:id/deliveries/:delivery": PLUGINS,

  // Conversations.
  "GET /api/sessions": SESSIONS,
  "POST /api/sessions": SESSIONS,
  "GET /api/sessions/search": SESSIONS,
  "POST /api/sessions/import": SESSIONS,
  "GET /api/sessions/export": SESSIONS,
  "GET /api/sessions/:id/export": SESSIONS,
  "GET /api/sessions/:id": SESSIONS,
  "PATCH /api/sessions/:id": SESSIONS,
  "DELETE /api/sessions/:id": SESSIONS,
  "POST /api/sessions/:id/fork": SESSIONS,
  "GET /api/sessions/:id/turns": SESSIONS,
  // These run models as well: see routes/session-turns.ts.
  "POST /api/sessions/:id/turns": SESSIONS,
  "POST /api/sessions/:id/regenerate": SESSIONS,
  "GET /api/sessions/:id/turns/:index": SESSIONS,
  "GET /api/session-settings": SESSIONS,
  "PUT /api/session-settings": SESSIONS,

  // What somebody asked to have remembered.
  "GET /api/approvals": PLUGINS,
  "POST /api/approvals/:id": PLUGINS,
  "GET /api/memory": SESSIONS,
  "POST /api/memory": SESSIONS,
  "DELETE /api/memory": SESSIONS,
  "PATCH /api/memory/:id": SESSIONS,
  "DELETE /api/memory/:id": SESSIONS,

  // Machines.
  "GET /api/agents": { role: "viewer", scopes: ["agents:read"] },
  "PATCH /api/agents/:id": OWNER,
  "DELETE /api/agents/:id": OWNER,
  "POST /api/agents/:id/restore": OWNER,
  "POST /api/agents/:id/drain": OWNER,
  "DELETE /api/agents/:id/drain": OWNER,
  "POST /api/agents/:id/wake": MEMBER,
  "GET /api/dispatch": { role: "viewer", scopes: ["agents:read"] },
  "PUT /api/dispatch": OWNER,
  // The machine's own signature says who it is.
  "POST /api/agents/:id/leave": ANYONE,
  "POST /api/agents/:id/backup": ANYONE,
  // Sessions fresh as well, but where nobody can be: see credentials/require-fresh.ts.
  "POST /api/pairing-codes": OWNER,
  "GET /j/:code": ANYONE,
  "POST /j/:code": ANYONE,
  "POST /oauth/device_authorization": ANYONE,
  "POST /oauth/token": ANYONE,
  "POST /oauth/register": ANYONE,
  "POST /oauth/revoke": ANYONE,
  "GET /.well-known/oauth-authorization-server": ANYONE,
  "GET /.well-known/oauth-protected-resource": ANYONE,
  "GET /.well-known/oauth-protected-resource/mcp": ANYONE,
  // Fresh as well where it lets somebody in: see credentials/require-fresh.ts.
  "POST /api/oauth/decision": SELF,
  "POST /api/device-authorizations/find": OWNER_HERE,
  // The same.
  "POST /api/device-authorizations/:id/approve": OWNER_HERE,
  "POST /api/device-authorizations/:id/deny": OWNER_HERE,
  "GET /tunnel": ANYONE,

  // API keys and what was done with them.
  "GET /api/keys": MEMBER,
  "POST /api/keys": { role: "member", fresh: true },
  "PATCH /api/keys/:id": MEMBER,
  "DELETE /api/keys/:id": MEMBER,
  "GET /api/usage": { role: "viewer", scopes: ["usage:read"] },

  // The market: publishers.
  "GET /api/market/publisher": PUBLISH,
  "PUT /api/market/publisher": MEMBER,
  "POST /api/market/namespaces": MEMBER,
  "POST /api/market/publisher-keys/challenge": MEMBER,
  "POST /api/market/publisher-keys": MEMBER,
  "DELETE /api/market/publisher-keys/:id": MEMBER,
  "POST /api/market/packages": PUBLISH,
  "GET /api/market/versions": PUBLISH,
  "GET /api/market/versions/:id": PUBLISH,
  "DELETE /api/market/versions/:id": PUBLISH,
  "POST /api/market/versions/:id/submit": PUBLISH,
  "POST /api/market/versions/:id/yank": PUBLISH,
  "POST /api/market/versions/:id/restore": PUBLISH,
  "GET /api/market/earnings": PUBLISH,
  "GET /api/market/earnings/statement": PUBLISH,
  // Buying and being paid. Nothing is paid but by a person at the payment provider.
  "GET /api/market/purchases": PLUGINS,
  "POST /api/market/purchases": PLUGINS_CHANGE,
  "GET /api/market/purchases/:id": PLUGINS,
  "POST /api/market/purchases/:id/cancel": PLUGINS_CHANGE,
  "POST /api/market/purchases/:id/refund": PLUGINS_CHANGE,
  "GET /api/market/payouts": PUBLISH,
  "POST /api/market/payouts": MEMBER,
  "PATCH /api/market/payouts": MEMBER,
  "POST /api/market/payouts/connect": MEMBER,
  // Signed by the payment provider.
  "POST /api/market/payments/webhook": ANYONE,
  "GET /api/market/disputes": VIEWER,
  // Reviewers and administrators: see market/roles.ts.
  "GET /api/market/desk": VIEWER,
  "GET /api/market/desk/:id": VIEWER,
  "POST /api/market/desk/:id/claim": VIEWER,
  "POST /api/market/desk/:id/decision": VIEWER,
  "POST /api/market/desk/:id/revoke": VIEWER,
  "POST /api/market/bad-hashes": VIEWER,
  "GET /api/market/roles": VIEWER,
  "PUT /api/market/roles/:id": VIEWER,
  "PUT /api/market/publishers/:id/official": VIEWER,
  "GET /api/market/trust": VIEWER,
  "PUT /api/market/trust": VIEWER,
  "GET /api/market/reports": VIEWER,
  "POST /api/market/plugins/:publisher/:name/reports": VIEWER,
  "POST /api/market/plugins/:publisher/:name/reports/settle": VIEWER,
  // The catalogue, and what clients check by its signatures.
  "GET /api/market/plugins": ANYONE,
  "GET /api/market/plugins/:publisher/:name": ANYONE,
  "GET /api/market/tuf/:file": ANYONE,
  "GET /api/market/targets/:file": ANYONE,
  "GET /api/market/targets/:publisher/:name/:file": ANYONE,
  "GET /api/market/packages/:hash": ANYONE,

  // Ways in.
  "POST /api/setup": ANYONE,
  "POST /api/setup/options": OWN_PAGES,
  "POST /api/setup/passkey": OWN_PAGES,
  "POST /api/sign-in/options": OWN_PAGES,
  "POST /api/sign-in": OWN_PAGES,
  "POST /api/sign-in/password": OWN_PAGES,
  "POST /api/sign-in/recovery": OWN_PAGES,
  "POST /api/join/options": OWN_PAGES,
  "POST /api/join": OWN_PAGES,
  "GET /enter/:code": ANYONE,
  "POST /api/sign-out": ANYONE,
  // What it gives is a session that counts as confirmed: an old session must not make itself one.
  "POST /api/sign-in-links": { role: "owner", fresh: true },

  // One's own account.
  "POST /api/confirm/options": SELF,
  "POST /api/confirm": SELF,
  "PATCH /api/account": SELF,
  "POST /api/account/passkeys/options": SELF_FRESH,
  "POST /api/account/passkeys": SELF_FRESH,
  "PATCH /api/account/passkeys/:id": SELF,
  "DELETE /api/account/passkeys/:id": SELF_FRESH,
  "POST /api/account/recovery-codes": SELF_FRESH,
  "PUT /api/account/password": SELF_FRESH,
  "DELETE /api/account/password": SELF_FRESH,
  "DELETE /api/account/sessions/:id": SELF,
  "DELETE /api/account/sessions": SELF,

  // The household.
  "PATCH /api/members/:id": OWNER_FRESH,
  "DELETE /api/members/:id": OWNER_FRESH,
  "POST /api/invitations": OWNER_FRESH,
  "DELETE /api/invitations/:id": OWNER_HERE,

  // Pages, and what they load.
  "GET /": VIEWER,
  "GET /sign-in": ANYONE,
  "GET /setup": ANYONE,
  "GET /join/:code": ANYONE,
  "GET /agents": SELF,
  "GET /jobs": SELF,
  "GET /schedules": SELF,
  "GET /memory": SELF,
  "GET /plugins": SELF,
  "GET /hooks": SELF,
  "GET /hooks/:id/:delivery": SELF,
  "GET /plugins/servers": SELF,
  "GET /plugins/servers/callback": SELF,
  "GET /oauth/authorize": SELF,
  "GET /plugins/calls/:id": SELF,
  "GET /market": ANYONE,
  "GET /market/mine": { role: "member", session: true },
  "GET /market/:publisher/:name": ANYONE,
  // Forms of pages, which work without a script.
  "POST /market/:publisher/:name/buy": { role: "member", session: true },
  "GET /market/purchases": SELF,
  "GET /market/purchases/:id": SELF,
  "POST /market/purchases/:id/cancel": { role: "member", session: true },
  "POST /market/purchases/:id/refund": { role: "member", session: true },
  "GET /market/checkout/:id": SELF,
  "POST /market/checkout/:id": { role: "member", session: true },
  "POST /market/payouts/connect": { role: "member", session: true },
  "POST /market/payouts/pay": { role: "member", session: true },
  "POST /market/payouts/automatic": { role: "member", session: true },
  // Reviewers alone: see market/roles.ts.
  "GET /reviews": SELF,
  "GET /reviews/:id": SELF,
  "GET /import": SELF,
  "GET /device": OWNER_HERE,
  "GET /device/:id": OWNER_HERE,
  "GET /keys": { role: "member", session: true },
  "GET /usage": SELF,
  "GET /account": SELF,
  "GET /sessions": SELF,
  "GET /members": OWNER_HERE,
  "GET /audit": OWNER_HERE,
  "GET /docs": ANYONE,
  "GET /openapi.json": ANYONE,
  "GET /healthz": ANYONE,
  "GET /assets/*": ANYONE,
};
