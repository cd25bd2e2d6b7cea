import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { SERVER_NAME } from "../../shared/mcp/limits.ts";
import { hasRole } from "../access/roles.ts";
import type { Account, AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { type Mount, type MountSource, mountSourceSchema } from "../home/mcp/mount-table.ts";
import { mountsOf } from "../home/mcp/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";

const described = { tags: ["Plugins"] };
const name = z.string().regex(SERVER_NAME).openapi({ example: "files" });
const bearer = z
  .string()
  .regex(/^[\x21-\x7e]{1,4096}$/)
  .optional()
  .openapi({ description: "What a remote server knows you by. Sealed at rest, never shown again." });
const from = mountSourceSchema.openapi("McpSource");
const toolSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    description: z.string(),
    input: z.record(z.string(), z.unknown()),
    effect: z.enum(["read", "write"]).openapi({ description: "`read` only where the server says so." }),
  })
  .openapi("McpTool");
const mountedSchema = z
  .object({
    name,
    from,
    tools: z.array(toolSchema),
    digest: z.string(),
    enabled: z.boolean(),
    changed: z.boolean().openapi({
      description:
        "It describes a tool in another way than you allowed: no tool of it is offered until you mount it anew.",
    }),
    mountedAt: z.string(),
  })
  .openapi("McpServer");
const signInSchema = z.object({
  name,
  url: z.string(),
  state: z.enum(["signed_in", "needed"]).openapi({ description: "`needed`: it has ended. Sign in again." }),
});
const listSchema = z
  .object({
    servers: z.array(mountedSchema),
    signIns: z.array(signInSchema).openapi({ description: "Where you have signed in by OAuth, mounted or not." }),
    found: z.array(z.object({ agentId: z.string(), server: z.string() })).openapi({
      description: "On your machines that are online: `porchlight mcp add` put them there. For the owner.",
    }),
  })
  .openapi("McpServerList");
const lookedSchema = z.object({ tools: z.array(toolSchema), digest: z.string() }).openapi("McpLook");
const lookSchema = z
  .strictObject({
    from,
    bearer,
    name: name.optional().openapi({ description: "Under which you have signed in at it, if you have." }),
  })
  .openapi("McpLookRequest");
const mountSchema = z
  .strictObject({
    name,
    from,
    bearer,
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .openapi({ description: "Of the look that you agree to." }),
  })
  .openapi("McpMountRequest");
const changeSchema = z.strictObject({ enabled: z.boolean() }).openapi("McpServerChange");
const params = z.object({ name: z.string().max(64).openapi({ example: "files" }) });
const errors = errorResponses(
  "invalid_request",
  "invalid_api_key",
  "forbidden",
  "agent_offline",
  "mcp_unreachable",
  "mcp_failed",
  "mcp_sign_in_needed",
);
const one = { description: "The server.", content: jsonContent(mountedSchema) };

const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/mcp-servers",
  operationId: "listMcpServers",
  summary: "Servers of MCP that you have mounted, and those on your machines",
  responses: {
    200: { description: "Them.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});
const lookRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/mcp-servers/look",
  operationId: "lookAtMcpServer",
  summary: "What a server of MCP offers, before you mount it",
  request: { body: jsonBody(lookSchema) },
  responses: { 200: { description: "Its tools.", content: jsonContent(lookedSchema) }, ...errors },
});
const mountRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/mcp-servers",
  operationId: "mountMcpServer",
  summary: "Mount a server of MCP with the tools that you have looked at",
  description:
    "Its tools are offered to models like those of plugins. What they answer counts as written by strangers.",
  request: { body: jsonBody(mountSchema) },
  responses: { 201: one, ...errorResponses("mcp_changed", "plugins_full"), ...errors },
});
const changeRoute = createRoute({
  ...described,
  method: "patch",
  path: "/api/mcp-servers/{name}",
  operationId: "changeMcpServer",
  summary: "Switch a mounted server on or off",
  request: { params, body: jsonBody(changeSchema) },
  responses: { 200: one, ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "not_found") },
});
const removeRoute = createRoute({
  ...described,
  method: "delete",
  path: "/api/mcp-servers/{name}",
  operationId: "removeMcpServer",
  summary: "Unmount a server",
  request: { params },
  responses: { 204: { description: "Unmounted." }, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});

/** `/api/mcp-servers`: servers of MCP as sources of tools. */
export function mountMcpServers(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const account = accountOf(c);
    const desk = mountsOf(c.env, account.id);
    const [servers, signIns] = await Promise.all([desk.list(account.userId), desk.signIns(account.userId)]);
    const found = hasRole(account.role, "owner") ? await desk.found() : [];
    return c.json({ servers: servers.map(shown), signIns, found } satisfies z.input<typeof listSchema>);
  });

  registerRoute(app, lookRoute);
  app.post(lookRoute.path, async (c) => {
    const { from: source, bearer: token, name: under } = await readJsonBody(c.req.raw, lookSchema);
    const account = accountOf(c);
    requireMayMount(account, source);
    const { tools, digest } = takeMade(
      await mountsOf(c.env, account.id).look({ userId: account.userId, name: under, source, bearer: token }),
    );
    return c.json({ tools: tools.map(shownTool), digest } satisfies z.input<typeof lookedSchema>);
  });

  registerRoute(app, mountRoute);
  app.post(mountRoute.path, async (c) => {
    const { from: source, ...rest } = await readJsonBody(c.req.raw, mountSchema);
    const account = accountOf(c);
    requireMayMount(account, source);
    const mounted = takeMade(await mountsOf(c.env, account.id).mount(account.userId, { ...rest, source }));
    return c.json(shown(mounted) satisfies z.input<typeof mountedSchema>, 201);
  });

  registerRoute(app, changeRoute);
  app.patch("/api/mcp-servers/:name", async (c) => {
    const { enabled } = await readJsonBody(c.req.raw, changeSchema);
    const { id, userId } = accountOf(c);
    const changed = await mountsOf(c.env, id).enable(userId, c.req.param("name"), enabled);
    if (changed === undefined) throw noSuchServer();
    return c.json(shown(changed) satisfies z.input<typeof mountedSchema>);
  });

  registerRoute(app, removeRoute);
  app.delete("/api/mcp-servers/:name", async (c) => {
    const { id, userId } = accountOf(c);
    if (!(await mountsOf(c.env, id).remove(userId, c.req.param("name")))) throw noSuchServer();
    return c.body(null, 204);
  });
}

/** A command on a machine may do there what its owner may: nobody else mounts it. */
function requireMayMount(account: Account, source: MountSource): void {
  if (source.kind === "remote" || hasRole(account.role, "owner")) return;
  throw new PorchlightError("forbidden", "Only the owner mounts servers that are on the household's machines.");
}

function noSuchServer(): PorchlightError {
  return new PorchlightError("not_found", "You have mounted no server of this name.");
}

function shown({ source, tools, mountedAtMs, ...mount }: Mount): z.input<typeof mountedSchema> {
  return { ...mount, from: source, tools: tools.map(shownTool), mountedAt: new Date(mountedAtMs).toISOString() };
}

function shownTool({
  name: tool,
  title,
  description,
  input,
  effect,
}: Mount["tools"][number]): z.input<typeof toolSchema> {
  return { name: tool, title, description, input: { ...input }, effect };
}
