import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";

interface Call {
  method: string;
  path: string;
  body: string;
}

/** What an endpoint answers: a result, or an error with Cloudflare's code and an HTTP status. */
type Answer = { result: unknown } | { status: number; code: number; message: string };
const missing = (code: number, message: string): Answer => ({ status: 404, code, message });

/**
 * Stands in for the parts of Cloudflare's API that wrangler calls to deploy: databases are SQLite in memory, Workers and secrets are
 * remembered. What it does not know it answers with 404 and keeps in `unknown`. Written after the calls that wrangler makes; the real
 * API checks more.
 */
export class CloudflareApi {
  readonly calls: Call[] = [];
  readonly unknown: string[] = [];
  readonly databases = new Map<string, { name: string; sql: DatabaseSync }>();
  readonly buckets = new Set<string>();
  readonly queues = new Set<string>();
  readonly secrets = new Set<string>();
  /** The metadata of each upload of the Worker. */
  readonly uploads: string[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<CloudflareApi> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new CloudflareApi(server);
  }

  /** For wrangler's environment: its documented variables. */
  get env(): NodeJS.ProcessEnv {
    const { port } = this.#server.address() as AddressInfo; // a TCP server's
    return {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}/client/v4`,
      CLOUDFLARE_API_TOKEN: "token-of-the-stand-in",
      CLOUDFLARE_ACCOUNT_ID: "account",
    };
  }

  stop(): void {
    for (const { sql } of this.databases.values()) sql.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const url = new URL(request.url ?? "/", "http://x");
    const path = url.pathname.replace(/^\/client\/v4/, "").replace(/^\/accounts\/account(?=\/)/, "");
    const call = { method: request.method ?? "GET", path, body };
    this.calls.push(call);
    const answer = this.#answer(call, url) ?? missing(7003, "No route for that URI");
    const ok = "result" in answer;
    response.writeHead(ok ? 200 : answer.status, { "content-type": "application/json" });
    const errors = ok ? [] : [{ code: answer.code, message: answer.message }];
    response.end(JSON.stringify({ success: ok, errors, messages: [], result: ok ? answer.result : null }));
  }

  #answer(call: Call, url: URL): Answer | undefined {
    const answer = this.#d1(call, url) ?? this.#storage(call, url) ?? this.#worker(call);
    if (!answer) this.unknown.push(`${call.method} ${call.path}`);
    return answer;
  }

  #d1({ method, path, body }: Call, url: URL): Answer | undefined {
    const [, id, query] = /^\/d1\/database(?:\/([^/]+))?(?:\/(query|raw))?$/.exec(path) ?? [undefined, "none"];
    if (id === "none") return undefined;
    const shown = ([uuid, { name }]: [string, { name: string }]) => ({
      uuid,
      name,
      version: "production",
      num_tables: 1,
    });
    if (id === undefined && method === "POST") {
      const { name } = JSON.parse(body) as { name: string };
      const uuid = randomUUID();
      this.databases.set(uuid, { name, sql: new DatabaseSync(":memory:") });
      return { result: shown([uuid, { name }]) };
    }
    if (id === undefined) {
      const page = Number(url.searchParams.get("page") ?? 1);
      return { result: page > 1 ? [] : [...this.databases].map(shown) };
    }
    const database = this.databases.get(id);
    if (!database) return missing(7404, "The database was not found");
    if (query === undefined) return { result: shown([id, database]) };
    const { sql } = JSON.parse(body) as { sql: string };
    // Statements of a migration together, a question alone.
    const results = /^\s*(?:select|pragma)/i.test(sql) ? database.sql.prepare(sql).all() : (database.sql.exec(sql), []);
    return { result: [{ results, success: true, meta: { duration: 1 } }] };
  }

  #storage({ method, path, body }: Call, url: URL): Answer | undefined {
    if (path === "/r2/buckets") {
      if (method === "POST") this.buckets.add((JSON.parse(body) as { name: string }).name);
      return {
        result: { buckets: [...this.buckets].map((name) => ({ name, creation_date: "2026-01-01T00:00:00Z" })) },
      };
    }
    const [, bucket] = /^\/r2\/buckets\/([^/]+)$/.exec(path) ?? [];
    if (bucket !== undefined) {
      return this.buckets.has(bucket)
        ? { result: { name: bucket } }
        : missing(10006, "The specified bucket does not exist.");
    }
    if (path !== "/queues") return undefined;
    const shown = (name: string) => ({ queue_id: name, queue_name: name, producers: [], consumers: [], settings: {} });
    if (method === "POST") {
      const { queue_name: name } = JSON.parse(body) as { queue_name: string };
      this.queues.add(name);
      return { result: shown(name) };
    }
    const wanted = url.searchParams.get("name");
    return { result: [...this.queues].filter((name) => wanted === null || name === wanted).map(shown) };
  }

  #worker({ method, path, body }: Call): Answer | undefined {
    const deployed = this.uploads.length > 0;
    const script = {
      id: "porchlight",
      etag: "e",
      deployment_id: "d",
      startup_time_ms: 1,
      handlers: ["fetch"],
      entry_point: "index.js",
    };
    const subdomain = { enabled: true, previews_enabled: false, subdomain: "stand-in" };
    const answers: Record<string, () => Answer> = {
      "GET /workers/scripts/porchlight/secrets": () =>
        deployed
          ? { result: [...this.secrets].map((name) => ({ name, type: "secret_text" })) }
          : missing(10007, "This Worker does not exist on your account."),
      "GET /workers/services/porchlight": () =>
        deployed
          ? {
              result: {
                id: "porchlight",
                default_environment: {
                  environment: "production",
                  script: { tag: "t", last_deployed_from: "wrangler", migration_tag: "v1" },
                },
              },
            }
          : missing(10090, "workers.api.error.service_not_found"),
      "GET /workers/scripts": () => ({ result: deployed ? [{ id: "porchlight", migration_tag: "v1" }] : [] }),
      "POST /workers/scripts/porchlight/assets-upload-session": () => ({ result: { jwt: "stand-in", buckets: [] } }),
      "PUT /workers/scripts/porchlight": () => {
        this.uploads.push(body);
        if (body.includes('"SETUP_TOKEN"')) this.secrets.add("SETUP_TOKEN");
        return { result: script };
      },
      "GET /workers/scripts/porchlight/deployments": () =>
        deployed
          ? {
              result: {
                deployments: [
                  {
                    id: "d",
                    source: "wrangler",
                    strategy: "percentage",
                    created_on: "2026-01-01T00:00:00Z",
                    versions: [{ version_id: "v", percentage: 100 }],
                  },
                ],
              },
            }
          : missing(10007, "This Worker does not exist on your account."),
      "GET /workers/scripts/porchlight/settings": () =>
        deployed
          ? { result: { bindings: [], logpush: false } }
          : missing(10007, "This Worker does not exist on your account."),
      "GET /workers/workers/porchlight": () => ({
        result: { id: "w", name: "porchlight", subdomain, observability: {}, tags: [] },
      }),
      "POST /workers/scripts/porchlight/versions": () => {
        this.uploads.push(body);
        return {
          result: { ...script, id: "v2", metadata: { has_preview: false }, resources: { script, bindings: [] } },
        };
      },
      "POST /workers/scripts/porchlight/deployments": () => ({ result: { id: "d2" } }),
      "PATCH /workers/scripts/porchlight/script-settings": () => ({ result: {} }),
      "POST /workers/scripts/porchlight/domains/changeset": () => ({
        result: { added: [], removed: [], updated: [], conflicting: [] },
      }),
      "PUT /workers/scripts/porchlight/domains/records": () => ({ result: [] }),
      "GET /workers/subdomain": () => ({ result: subdomain }),
      "GET /workers/scripts/porchlight/subdomain": () => ({ result: subdomain }),
      "POST /workers/scripts/porchlight/subdomain": () => ({ result: subdomain }),
      "PUT /workers/scripts/porchlight/schedules": () => ({ result: { schedules: [] } }),
    };
    return answers[`${method} ${path}`]?.();
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // a request gives nothing else
  return Buffer.concat(chunks).toString("utf8");
}
