import type {
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from "@modelcontextprotocol/client";
import { z } from "zod";

/** What the SDK gave to keep is its own again: sealed meanwhile, nobody else wrote it. */
const ofTheSdk = <T extends object>() => z.custom<T>((value) => typeof value === "object" && value !== null);

/** What one person's sign-in at one server is: sealed at rest as a whole. */
export const keptSignInSchema = z.object({
  /** Of the server: tokens go to no other. */
  url: z.string(),
  redirectUrl: z.string(),
  client: ofTheSdk<StoredOAuthClientInformation>().optional(),
  discovery: ofTheSdk<OAuthDiscoveryState>().optional(),
  resource: z.string().optional(),
  scope: z.string().optional(),
  tokens: ofTheSdk<StoredOAuthTokens>().optional(),
  /** Undefined where the server did not say. */
  expiresAtMs: z.number().optional(),
  /** Of one that is under way. */
  pending: z.object({ state: z.string(), verifier: z.string(), untilMs: z.number() }).optional(),
});
export type KeptSignIn = z.infer<typeof keptSignInSchema>;

/** What this edge is to authorization servers. */
export interface SignInClient {
  /** Of this edge, where its person comes back to. */
  redirectUrl: string;
  /** Where this edge describes itself, if that can be read from outside. */
  documentUrl: string | undefined;
}

/** What a client says of itself (RFC 7591), at registration and in its own document. */
export function clientMetadata(redirectUrl: string) {
  return {
    client_name: "Porchlight",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
}

/** The SDK's view of `kept`, which it changes; where it sends its person is `sentTo`. */
export function providerOf(kept: KeptSignIn, documentUrl: string | undefined) {
  const provider = {
    sentTo: undefined as URL | undefined,
    redirectUrl: kept.redirectUrl,
    ...(documentUrl === undefined ? {} : { clientMetadataUrl: documentUrl }),
    clientMetadata: clientMetadata(kept.redirectUrl),
    state: () => kept.pending?.state ?? "",
    clientInformation: () => kept.client,
    saveClientInformation: (client: StoredOAuthClientInformation) => void (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens: StoredOAuthTokens) => void (kept.tokens = tokens),
    discoveryState: () => kept.discovery,
    saveDiscoveryState: (discovery: OAuthDiscoveryState) => void (kept.discovery = discovery),
    saveResourceUrl: (resource: string) => void (kept.resource = resource),
    saveCodeVerifier(verifier: string) {
      if (kept.pending !== undefined) kept.pending.verifier = verifier;
    },
    codeVerifier: () => kept.pending?.verifier ?? "",
    redirectToAuthorization: (url: URL) => void (provider.sentTo = url),
  } satisfies OAuthClientProvider & { sentTo: URL | undefined };
  return provider;
}
