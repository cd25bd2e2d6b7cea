import {
  auth,
  type AuthProvider,
  computeScopeUnion,
  extractWWWAuthenticateParams,
  OAuthError,
  OAuthErrorCode,
  refreshAuthorization,
  validateAuthorizationResponseIssuer,
} from "@modelcontextprotocol/client";
import { PorchlightError } from "../../../../shared/errors.ts";
import { type AllowedHost, judgeUrl } from "../../../../shared/net/outbound-url.ts";
import { randomSecret, secretsEqual } from "../../../credentials/secret.ts";
import { VERSION } from "../../../version.ts";
import { type GuardedFetch, guardedFetch } from "../guarded-fetch.ts";
import { type KeptSignIn, keptSignInSchema, providerOf, type SignInClient } from "./kept-sign-in.ts";
import { SIGN_IN_LIMITS } from "./limits.ts";
import type { SignIn, SignIns } from "./sign-in.ts";

export interface ServerSignInsOptions {
  table: SignIns;
  /** Sealed, under a person's name for a server. */
  sealed: {
    get: (userId: string, name: string, part: "signed_in" | "pending") => Promise<string | undefined>;
    put: (userId: string, name: string, part: "signed_in" | "pending", value: string) => Promise<void>;
    remove: (userId: string, name: string, part: "signed_in" | "pending") => void;
  };
  allowed: readonly AllowedHost[];
  now?: () => number;
}

/** What an authorization server sends its person back with (RFC 6749, section 4.1.2; RFC 9207). */
export interface SignInAnswer {
  state: string;
  code?: string | undefined;
  error?: string | undefined;
  iss?: string | undefined;
}

/** How one person is known at one server. */
export interface ServerTokens extends AuthProvider {
  /** The server lets them do more only once they have agreed to this scope: its person signs in again. */
  needMore(scope: string | undefined): Promise<void>;
}

/** Of the sign-in that a person has under way: one, so that what is begun and left does not pile up. */
const UNDER_WAY = "";
const SERVER_ERROR: string = OAuthErrorCode.ServerError;

/** Signing in at mounted servers by OAuth, for people: the SDK speaks it, and this keeps what it needs. */
export class ServerSignIns {
  readonly #options: ServerSignInsOptions;
  readonly #table: ServerSignInsOptions["table"];
  readonly #fetch: GuardedFetch;
  readonly #now: () => number;
  /** A refresh token is good once: two calls at the same moment share one exchange. */
  readonly #refreshing = new Map<string, Promise<string>>();

  constructor(options: ServerSignInsOptions) {
    this.#options = options;
    this.#table = options.table;
    this.#fetch = guardedFetch(options.allowed, SIGN_IN_LIMITS.documentBytes, SIGN_IN_LIMITS.requestMs);
    this.#now = options.now ?? Date.now;
  }

  of(userId: string): SignIn[] {
    return this.#table.of(userId);
  }

  /**
   * Finds out who gives tokens for a server and makes this edge known there. Returns the page to send its person to; one that was sent to
   * another before is no longer waited for. Throws
   * PorchlightError `mcp_unreachable`, `mcp_sign_in_failed` or `plugins_full`.
   */
  async begin(userId: string, { name, url }: { name: string; url: string }, client: SignInClient): Promise<string> {
    const known = this.#table.of(userId);
    if (known.length >= SIGN_IN_LIMITS.servers && !known.some((one) => one.name === name))
      throw new PorchlightError("plugins_full");
    const asked = await this.#challenge(url);
    const before = await this.#kept(userId, name, "signed_in");
    const same = before?.url === url && before.redirectUrl === client.redirectUrl ? before : undefined;
    const scope = computeScopeUnion(asked.scope, same?.scope);
    const state = `${name}.${randomSecret(SIGN_IN_LIMITS.stateBytes)}`;
    const kept: KeptSignIn = {
      url,
      redirectUrl: client.redirectUrl,
      ...(same?.client === undefined ? {} : { client: same.client }),
      ...(scope === undefined ? {} : { scope }),
      pending: { state, verifier: "", untilMs: this.#now() + SIGN_IN_LIMITS.pendingMs },
    };
    const provider = providerOf(kept, client.documentUrl);
    await this.#speak(async () => {
      await auth(provider, {
        serverUrl: url,
        fetchFn: this.#fetch,
        forceReauthorization: true,
        ...(scope === undefined ? {} : { scope }),
        ...(asked.resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl: asked.resourceMetadataUrl }),
      });
    });
    const { origin = "", username = "", href: page = "" } = provider.sentTo ?? {};
    // A browser goes there: no address that runs something, nor one of the household's own machines.
    if (
      "refusal" in judgeUrl(origin, this.#options.allowed) ||
      username !== "" ||
      page.length > SIGN_IN_LIMITS.pageCharacters
    )
      throw new PorchlightError("mcp_sign_in_failed");
    await this.#put(userId, UNDER_WAY, "pending", kept);
    return page;
  }

  /** Takes the answer of the server's page. Returns the name of the server. Throws PorchlightError `mcp_sign_in_failed`, `mcp_unreachable`. */
  async finish(userId: string, { state, code, error, iss }: SignInAnswer): Promise<SignIn> {
    const name = state.slice(0, Math.max(0, state.indexOf(".")));
    const kept = await this.#kept(userId, UNDER_WAY, "pending");
    const pending = kept?.pending;
    if (kept === undefined || pending === undefined || !(await secretsEqual(pending.state, state)))
      throw new PorchlightError("mcp_sign_in_failed");
    // Whatever comes of it: an answer counts once.
    this.#options.sealed.remove(userId, UNDER_WAY, "pending");
    if (pending.untilMs < this.#now()) throw new PorchlightError("mcp_sign_in_failed");
    const metadata = kept.discovery?.authorizationServerMetadata;
    await this.#speak(async () => {
      // Before anything else is believed: another server may be answering (RFC 9207).
      validateAuthorizationResponseIssuer({
        iss,
        expectedIssuer: metadata?.issuer,
        issParameterSupported: metadata?.authorization_response_iss_parameter_supported === true,
      });
      if (code === undefined || error !== undefined) throw new PorchlightError("mcp_sign_in_failed");
      const { scope } = kept;
      await auth(providerOf(kept, undefined), {
        serverUrl: kept.url,
        authorizationCode: code,
        fetchFn: this.#fetch,
        ...(iss === undefined ? {} : { iss }),
        ...(scope === undefined ? {} : { scope }),
      });
    });
    await this.#keepTokens(userId, name, { ...kept, pending: undefined });
    return { name, url: kept.url, state: "signed_in" };
  }

  /** Tokens for requests to the server at `url`, which that name must have been signed in at. A request that has none, or whose token is refused and cannot be exchanged, fails as `mcp_sign_in_needed`. */
  tokensFor(userId: string, name: string | undefined, url: string): ServerTokens {
    let used: string | undefined;
    return {
      token: async () => {
        if (name === undefined) return undefined;
        const kept = await this.#kept(userId, name, "signed_in");
        if (kept?.tokens === undefined || kept.url !== url) return undefined;
        const isEnding = (kept.expiresAtMs ?? Infinity) - this.#now() < SIGN_IN_LIMITS.earlyMs;
        const canRefresh = kept.tokens.refresh_token !== undefined;
        used = isEnding && canRefresh ? await this.#refresh(userId, name) : kept.tokens.access_token;
        return used;
      },
      onUnauthorized: async ({ response }) => {
        const kept = name === undefined ? undefined : await this.#kept(userId, name, "signed_in");
        if (name === undefined || kept?.tokens === undefined || kept.url !== url)
          throw new PorchlightError("mcp_sign_in_needed");
        const { scope } = extractWWWAuthenticateParams(response);
        if (scope !== undefined) await this.#put(userId, name, "signed_in", { ...kept, scope });
        // Another call has exchanged it in the meantime.
        if (kept.tokens.access_token === used) await this.#refresh(userId, name);
      },
      needMore: async (scope) => {
        const kept = name === undefined ? undefined : await this.#kept(userId, name, "signed_in");
        if (name === undefined || kept?.url !== url) return;
        const wider = computeScopeUnion(kept.tokens?.scope, kept.scope, scope);
        await this.#put(userId, name, "signed_in", { ...kept, ...(wider === undefined ? {} : { scope: wider }) });
        this.#table.put(userId, { name, url, state: "needed" });
      },
    };
  }

  remove(userId: string, name: string): void {
    this.#table.remove(userId, name);
    this.#options.sealed.remove(userId, name, "signed_in");
  }

  personGone(userId: string): void {
    for (const { name } of this.#table.of(userId)) this.remove(userId, name);
    this.#options.sealed.remove(userId, UNDER_WAY, "pending");
    this.#table.removeOf(userId);
  }

  async #refresh(userId: string, name: string): Promise<string> {
    const key = JSON.stringify([userId, name]);
    const running = this.#refreshing.get(key);
    if (running !== undefined) return await running;
    const exchange = this.#exchange(userId, name).finally(() => this.#refreshing.delete(key));
    this.#refreshing.set(key, exchange);
    return await exchange;
  }

  async #exchange(userId: string, name: string): Promise<string> {
    const kept = await this.#kept(userId, name, "signed_in");
    const refreshToken = kept?.tokens?.refresh_token;
    const { client, discovery, tokens, resource } = kept ?? {};
    if (kept === undefined || client === undefined || discovery === undefined || refreshToken === undefined)
      return await this.#end(userId, name, kept);
    const { authorizationServerUrl, authorizationServerMetadata: metadata } = discovery;
    try {
      const renewed = await refreshAuthorization(authorizationServerUrl, {
        clientInformation: client,
        refreshToken,
        fetchFn: this.#fetch,
        ...(metadata === undefined ? {} : { metadata }),
        ...(resource === undefined ? {} : { resource }),
      });
      const issuer = tokens?.issuer;
      const next = { ...kept, tokens: { ...renewed, ...(issuer === undefined ? {} : { issuer }) } };
      await this.#keepTokens(userId, name, next);
      return renewed.access_token;
    } catch (error) {
      const isOver = error instanceof OAuthError && error.code !== SERVER_ERROR;
      // A server that is down for a moment has taken nothing back.
      if (!isOver) throw new PorchlightError("mcp_unreachable", undefined, { cause: error });
      return await this.#end(userId, name, kept);
    }
  }

  /** The tokens are worth nothing any more: their person is asked to sign in again. */
  async #end(userId: string, name: string, kept: KeptSignIn | undefined): Promise<never> {
    if (kept !== undefined) {
      await this.#put(userId, name, "signed_in", { ...kept, tokens: undefined });
      this.#table.put(userId, { name, url: kept.url, state: "needed" });
    }
    throw new PorchlightError("mcp_sign_in_needed");
  }

  async #keepTokens(userId: string, name: string, kept: KeptSignIn): Promise<void> {
    const lifeS = kept.tokens?.expires_in;
    const expiresAtMs = lifeS === undefined ? undefined : this.#now() + lifeS * 1000;
    await this.#put(userId, name, "signed_in", { ...kept, expiresAtMs });
    this.#table.put(userId, { name, url: kept.url, state: "signed_in" });
  }

  /** What a server says to whoever it does not know (RFC 9728, section 5.1). */
  async #challenge(url: string): Promise<ReturnType<typeof extractWWWAuthenticateParams>> {
    const hello = {
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "porchlight", version: VERSION },
      },
    };
    return await this.#speak(async () => {
      const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
      const response = await this.#fetch(url, { method: "POST", headers, body: JSON.stringify(hello) });
      await response.body?.cancel();
      return extractWWWAuthenticateParams(response);
    });
  }

  /** What a stranger's server said wrong is its own fault: it is told apart from not being reached. */
  async #speak<T>(what: () => Promise<T>): Promise<T> {
    try {
      return await what();
    } catch (cause) {
      if (cause instanceof PorchlightError) throw cause;
      throw new PorchlightError("mcp_sign_in_failed", undefined, { cause });
    }
  }

  async #kept(userId: string, name: string, part: "signed_in" | "pending"): Promise<KeptSignIn | undefined> {
    const text = await this.#options.sealed.get(userId, name, part);
    return text === undefined ? undefined : keptSignInSchema.parse(JSON.parse(text));
  }

  async #put(userId: string, name: string, part: "signed_in" | "pending", kept: KeptSignIn): Promise<void> {
    await this.#options.sealed.put(userId, name, part, JSON.stringify(kept));
  }
}
