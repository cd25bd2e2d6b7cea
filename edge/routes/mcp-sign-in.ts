import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { SERVER_NAME } from "../../shared/mcp/limits.ts";
import { judgeUrl } from "../../shared/net/outbound-url.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { mountsOf } from "../home/mcp/remote-desk.ts";
import { clientMetadata, type SignInClient } from "../home/mcp/sign-in/kept-sign-in.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { issuerOf } from "../oauth/issuer.ts";

const DOCUMENT_PATH = "/oauth/client.json";
const bodySchema = z
  .strictObject({
    name: z.string().regex(SERVER_NAME).openapi({ example: "notes" }),
    url: z
      .url({ protocol: /^https?$/ })
      .max(2_048)
      .openapi({ example: "https://mcp.example.com/mcp" }),
  })
  .openapi("McpSignInRequest");
const pageSchema = z
  .object({
    url: z.string().openapi({ description: "Open it in a browser that is signed in here as the same person." }),
  })
  .openapi("McpSignInPage");

const signInRoute = createRoute({
  tags: ["Plugins"],
  method: "post",
  path: "/api/mcp-sign-ins",
  operationId: "signInAtMcpServer",
  summary: "Begin signing in at a server of MCP by OAuth",
  request: { body: jsonBody(bodySchema) },
  responses: {
    200: { description: "Its page.", content: jsonContent(pageSchema) },
    ...errorResponses(
      "invalid_request",
      "invalid_api_key",
      "forbidden",
      "mcp_unreachable",
      "mcp_sign_in_failed",
      "plugins_full",
    ),
  },
});

/** Signing in at servers elsewhere: this edge is the client there. */
export function mountMcpSignIn(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, signInRoute);
  app.post(signInRoute.path, async (c) => {
    const at = await readJsonBody(c.req.raw, bodySchema);
    const { id, userId } = accountOf(c);
    const url = takeMade(await mountsOf(c.env, id).beginSignIn(userId, at, signInClient(c)));
    return c.json({ url } satisfies z.input<typeof pageSchema>);
  });

  // What authorization servers read of this edge, where they take addresses for client ids.
  app.get(DOCUMENT_PATH, (c) => {
    const issuer = issuerOf(c);
    const { redirectUrl } = signInClient(c);
    return c.json({ client_id: `${issuer}${DOCUMENT_PATH}`, client_uri: issuer, ...clientMetadata(redirectUrl) });
  });
}

/** What this edge is elsewhere. Its document counts where it can be read from outside. */
export function signInClient(c: Context<AppEnv>): SignInClient {
  const issuer = issuerOf(c);
  const documentUrl = "refusal" in judgeUrl(issuer, []) ? undefined : `${issuer}${DOCUMENT_PATH}`;
  return { redirectUrl: `${issuer}/plugins/servers/callback`, documentUrl };
}
