import { z } from "zod";

/** The parts of wrangler.toml that a deployment fills in or makes sure of; the rest goes to wrangler as it is. */
const configSchema = z.looseObject({
  name: z.string(),
  d1_databases: z.array(z.looseObject({ binding: z.string(), database_name: z.string() })).default([]),
  r2_buckets: z.array(z.looseObject({ binding: z.string(), bucket_name: z.string() })).default([]),
  queues: z
    .looseObject({
      producers: z.array(z.looseObject({ queue: z.string() })).default([]),
      consumers: z.array(z.looseObject({ queue: z.string(), dead_letter_queue: z.string().optional() })).default([]),
    })
    .default({ producers: [], consumers: [] }),
  vars: z.record(z.string(), z.unknown()).default({}),
});
export type DeployConfig = z.infer<typeof configSchema>;

/** What has to be there before a Worker that is bound to it can be deployed. */
export interface Resources {
  databases: string[];
  buckets: string[];
  queues: string[];
}

/** @param raw what wrangler read from wrangler.toml */
export function parseConfig(raw: unknown): DeployConfig {
  return configSchema.parse(raw);
}

export function resourcesOf({ d1_databases, r2_buckets, queues }: DeployConfig): Resources {
  const { producers, consumers } = queues;
  const dead = consumers.flatMap(({ dead_letter_queue: name }) => (name === undefined ? [] : [name]));
  return {
    databases: unique(d1_databases.map(({ database_name: name }) => name)),
    buckets: unique(r2_buckets.map(({ bucket_name: name }) => name)),
    queues: unique([...producers, ...consumers].map(({ queue }) => queue).concat(dead)),
  };
}

/**
 * The configuration that is deployed: the databases by the ids they have in this account, and the public origin where one is chosen. A
 * host of one's own becomes a custom domain, for which Cloudflare makes DNS record and certificate.
 */
export function filledIn(
  config: DeployConfig,
  ids: ReadonlyMap<string, string>,
  origin: string | undefined,
): DeployConfig {
  const host = origin === undefined ? undefined : new URL(origin).hostname;
  return {
    ...config,
    d1_databases: config.d1_databases.map((database) => ({
      ...database,
      database_id: ids.get(database.database_name),
    })),
    ...(origin === undefined ? {} : { vars: { ...config.vars, PUBLIC_ORIGIN: origin } }),
    ...(host === undefined || host.endsWith(".workers.dev")
      ? {}
      : { routes: [{ pattern: host, custom_domain: true }] }),
  };
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
