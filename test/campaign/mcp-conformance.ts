import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { z } from "zod";
import { mcpHandler } from "../../edge/mcp/mcp-handler.ts";
import { writeMcpCommands } from "../../node-agent/mcp/servers-file.ts";
import { ask } from "../support/api.ts";
import { conformanceTools } from "../support/mcp/conformance-tools.ts";
import { letIn } from "../support/mcp/let-in.ts";
import { startStack, type TestStack } from "../support/stack.ts";

/**
 * MCP both ways, against what others made: the official conformance suite for server and client, and two of the official servers mounted on
 * a machine over stdio and called through `/mcp` of a real edge. Runs offline: node test/campaign/mcp-conformance.ts
 */
const modules = fileURLToPath(new URL("../../node_modules/@modelcontextprotocol", import.meta.url));
const SUITE = join(modules, "conformance/dist/index.js");
const CLIENT = fileURLToPath(new URL("../support/mcp/conformance-client.ts", import.meta.url));
const SIGN_IN_CLIENT = fileURLToPath(new URL("../support/mcp/conformance-auth-client.ts", import.meta.url));

/** Scenarios of servers with tools alone: prompts, resources, logging and questions back to the client are not offered. */
const SERVER = [
  "server-initialize",
  "ping",
  "tools-list",
  "tools-call-simple-text",
  "tools-call-image",
  "tools-call-audio",
  "tools-call-embedded-resource",
  "tools-call-mixed-content",
  "tools-call-error",
  "tools-call-with-progress",
];
/** What the real edge is asked itself, with a key that a proxy adds: the suite has none. */
const EDGE = ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"];
const CLIENTS = ["initialize", "tools_call", "sse-retry"];
/**
 * Signing in at a server. Left out are those that need no person (client credentials, cross-app access), "pre-registration", because
 * nobody can enter a client's id and secret here, and "2025-03-26-oauth-metadata-backcompat", whose metadata names another issuer than
 * the one that was asked: RFC 8414, section 3.3, has that refused.
 */
const SIGN_INS = [
  "metadata-default",
  "metadata-var1",
  "metadata-var2",
  "metadata-var3",
  "basic-cimd",
  "scope-from-www-authenticate",
  "scope-from-scopes-supported",
  "scope-omitted-when-undefined",
  "scope-step-up",
  "scope-retry-limit",
  "token-endpoint-auth-basic",
  "token-endpoint-auth-post",
  "token-endpoint-auth-none",
  "2025-03-26-oauth-endpoint-fallback",
  "resource-mismatch",
  "offline-access-scope",
  "offline-access-not-supported",
].map((name) => `auth/${name}`);

const results = await mkdtemp(join(tmpdir(), "mcp-conformance-"));
let failures = 0;

function note(ok: boolean, what: string, more = ""): void {
  if (!ok) failures += 1;
  console.log(`${ok ? "ok  " : "FAIL"} ${what}${more === "" ? "" : `  ${more}`}`);
}

async function suite(args: string[]): Promise<{ ok: boolean; output: string }> {
  return await new Promise((done) => {
    execFile(process.execPath, [SUITE, ...args], { cwd: results, timeout: 90_000 }, (error, stdout, stderr) =>
      done({ ok: error === null, output: stdout + stderr }),
    );
  });
}

/** A fetch-shaped handler on a port of this machine. */
async function listen(handle: (request: Request) => Promise<Response>): Promise<{ url: string; stop: () => void }> {
  return await new Promise((resolve) => {
    const server = serve({ fetch: handle, port: 0, hostname: "127.0.0.1" }, ({ port }) =>
      resolve({ url: `http://localhost:${port}/mcp`, stop: () => server.close() }),
    );
  });
}

async function serverScenarios(title: string, url: string, scenarios: readonly string[]): Promise<void> {
  let passed = 0;
  for (const scenario of scenarios) {
    const { ok, output } = await suite(["server", "--url", url, "--scenario", scenario]);
    if (ok) passed += 1;
    note(ok, `${title}: ${scenario}`, ok ? "" : output.slice(-600));
  }
  console.log(`${title}: ${passed} of ${scenarios.length} scenarios`);
}

async function clientScenarios(title: string, script: string, scenarios: readonly string[]): Promise<void> {
  let passed = 0;
  for (const scenario of scenarios) {
    const command = `${process.execPath} ${script}`;
    const { ok, output } = await suite(["client", "--command", command, "--scenario", scenario]);
    if (ok) passed += 1;
    note(ok, `${title}: ${scenario}`, ok ? "" : output.slice(-600));
  }
  console.log(`${title}: ${passed} of ${scenarios.length} scenarios`);
}

/** The official servers, on the machine, mounted and called from outside. */
async function mounted(stack: TestStack): Promise<void> {
  const folder = join(stack.folder.root, "shared");
  await writeMcpCommands(stack.folder.mcp, {
    everything: {
      command: process.execPath,
      args: [join(modules, "server-everything/dist/index.js"), "stdio"],
      folder: stack.folder.root,
    },
    files: {
      command: process.execPath,
      args: [join(modules, "server-filesystem/dist/index.js"), stack.folder.root],
      folder: stack.folder.root,
    },
  });
  await writeFile(folder, "what is kept at home");
  const headers = { authorization: `Bearer ${stack.apiKey}` };
  const listed = await (await fetch(`${stack.origin}/api/mcp-servers`, { headers })).json();
  const { found } = z.object({ found: z.array(z.object({ agentId: z.string(), server: z.string() })) }).parse(listed);
  note(found.length === 2, "both servers are found on the machine", found.map(({ server }) => server).join(" "));
  for (const { agentId, server } of found) {
    const from = { kind: "machine", agentId, server };
    const { digest } = z
      .object({ digest: z.string() })
      .parse(await ask(stack, "POST", "/api/mcp-servers/look", { from }));
    await ask(stack, "POST", "/api/mcp-servers", { name: server, from, digest });
  }
  const client = new Client({ name: "campaign", version: "1" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${stack.origin}/mcp`), { requestInit: { headers } }));
  const { tools } = await client.listTools();
  console.log(`mounted: ${tools.length} tools at /mcp`);
  let passed = 0;
  const heard: number[] = [];
  const calls: [string, Record<string, unknown>, RegExp][] = [
    ["mcp-everything__echo", { message: "hi" }, /Echo: hi/],
    ["mcp-everything__get-sum", { a: 40, b: 2 }, /42/],
    ["mcp-everything__get-tiny-image", {}, /image\/png/],
    ["mcp-everything__get-structured-content", { location: "New York" }, /temperature/],
    ["mcp-everything__trigger-long-running-operation", { duration: 1, steps: 4 }, /completed/],
    ["mcp-everything__echo", { message: 7 }, /plugin_input_invalid/],
    ["mcp-files__read_text_file", { path: folder }, /what is kept at home/],
    ["mcp-files__write_file", { path: join(stack.folder.root, "new"), content: "x" }, /Successfully wrote/],
    ["mcp-files__list_directory", { path: stack.folder.root }, /\[FILE\] new/],
    ["mcp-files__read_text_file", { path: "/etc/passwd" }, /Access denied/],
  ];
  for (const [name, args, wanted] of calls) {
    const onprogress = ({ progress }: { progress: number }): void => void heard.push(progress);
    const answer = JSON.stringify(await client.callTool({ name, arguments: args }, { onprogress }));
    if (wanted.test(answer)) passed += 1;
    note(wanted.test(answer), `mounted: ${name}`, wanted.test(answer) ? "" : answer.slice(0, 400));
  }
  note(heard.length >= 2, "mounted: progress of a machine's server comes through", heard.join(" "));
  const stop = new AbortController();
  const long = client.callTool(
    { name: "mcp-everything__trigger-long-running-operation", arguments: { duration: 60, steps: 60 } },
    { signal: stop.signal },
  );
  setTimeout(() => stop.abort(), 500);
  note(await long.then(() => false).catch(() => true), "mounted: a call that is taken back ends");
  console.log(`mounted: ${passed} of ${calls.length} calls`);
  await client.close();
}

const fixture = await listen(async (request) => await mcpHandler(conformanceTools).fetch(request));
await serverScenarios("server", fixture.url, SERVER);
fixture.stop();

await clientScenarios("client", CLIENT, CLIENTS);
await clientScenarios("sign-in", SIGN_IN_CLIENT, SIGN_INS);

const stack = await startStack();
try {
  const proxy = await listen(async (request) => {
    const headers = new Headers(request.headers);
    headers.set("authorization", `Bearer ${stack.apiKey}`);
    headers.delete("host");
    headers.delete("connection");
    // The edge is behind another port here: its own name is that one's.
    if (headers.get("origin")?.startsWith("http://localhost:") === true) headers.set("origin", stack.origin);
    const body = request.method === "POST" ? { body: await request.text() } : {};
    return await fetch(`${stack.origin}/mcp`, { method: request.method, headers, signal: request.signal, ...body });
  });
  await serverScenarios("edge", proxy.url, EDGE);
  proxy.stop();
  await mounted(stack);
  await letIn(stack, note);
} finally {
  await stack.stop();
  await rm(results, { recursive: true, force: true });
}
console.log(failures === 0 ? "All passed." : `${failures} failed.`);
process.exit(failures === 0 ? 0 : 1);
