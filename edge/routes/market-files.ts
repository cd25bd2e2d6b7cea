import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { errorResponses, registerRoute } from "../../shared/api/document.ts";
import { sha256Of } from "../../shared/market/checks/check-package.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { clientOf } from "../credentials/client.ts";
import type { AppEnv } from "../env.ts";
import { followedMarket, passOn } from "../market/followed.ts";
import { packageName } from "../market/packages.ts";
import { countInstall } from "../market/store/listing.ts";
import { metadataBody } from "../market/store/metadata.ts";
import { versionListBody } from "../market/store/version-list.ts";
import { findOffered, findPublicVersion } from "../market/store/versions.ts";
import { database } from "../store/database.ts";

/** What is named by its hash or version stays what it is. */
const FOR_EVER = "public, max-age=31536000, immutable";
const METADATA_FILE = /^(?:timestamp|[1-9]\d{0,8}\.(?:root|snapshot|targets|bin-[0-9a-f]{2}))\.json$/;
const OWN_TARGET = /^[0-9a-f]{64}\.revocations\.json$/;
const VERSIONS_FILE = /^([0-9a-f]{64})\.versions\.json$/;
const PACKAGE_FILE = /^([0-9a-f]{64})\.(.{1,64})\.tar$/;

const described = { tags: ["Market"], security: [] };
const bytes = { 200: { description: "The file." }, ...errorResponses("not_found") };
const file = z.string().max(200);

const metadataRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/tuf/{file}",
  operationId: "getMarketMetadata",
  summary: "Signed metadata of the market",
  description:
    "By The Update Framework, specification 1.0, with consistent snapshots: `timestamp.json`, `7.snapshot.json`, ...",
  request: { params: z.object({ file }) },
  responses: bytes,
});
const ownTargetRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/targets/{file}",
  operationId: "getMarketTarget",
  summary: "A target that the market writes itself: the revocations, as `<sha256>.revocations.json`",
  request: { params: z.object({ file }) },
  responses: bytes,
});
const targetRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/targets/{publisher}/{name}/{file}",
  operationId: "getPackageTarget",
  summary:
    "A package as the metadata names it, as `<sha256>.<version>.tar`, or the list of versions, as `<sha256>.versions.json`",
  request: { params: z.object({ publisher: file, name: file, file }) },
  responses: bytes,
});
const packageRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/packages/{hash}",
  operationId: "getPackage",
  summary: "A published package by its hash",
  description: "The hash is that of its canonical manifest. What was revoked is not given out.",
  request: { params: z.object({ hash: z.string().max(64) }) },
  responses: { ...bytes, ...errorResponses("plugin_revoked") },
});

/** What clients of the market fetch. All of it is public, and none of it has to be believed: they check it. */
export function mountMarketFiles(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, metadataRoute);
  app.get("/api/market/tuf/:file", followed, async (c) => {
    const name = c.req.param("file");
    const body = METADATA_FILE.test(name) ? await metadataBody(database(c.env.DB), name) : undefined;
    if (body === undefined) throw new PorchlightError("not_found", "The market has no such metadata.");
    return json(body, name === "timestamp.json" ? "no-cache" : FOR_EVER);
  });

  registerRoute(app, ownTargetRoute);
  app.get("/api/market/targets/:file", followed, async (c) => {
    const name = c.req.param("file");
    const body = OWN_TARGET.test(name) ? await metadataBody(database(c.env.DB), name) : undefined;
    if (body === undefined) throw new PorchlightError("not_found", "The market has no such target.");
    return json(body, FOR_EVER);
  });

  registerRoute(app, targetRoute);
  app.get("/api/market/targets/:publisher/:name/:file", followed, async (c) => {
    const { publisher, name, file: wanted } = c.req.param();
    const [, listHash] = VERSIONS_FILE.exec(wanted) ?? [];
    if (listHash !== undefined) {
      const { body } = await versionListBody(database(c.env.DB), { publisher, name });
      if ((await sha256Of(new TextEncoder().encode(body))) === listHash) return json(body, FOR_EVER);
    }
    const [, sha256, version] = PACKAGE_FILE.exec(wanted) ?? [];
    const db = database(c.env.DB);
    const offered = version === undefined ? undefined : await findOffered(db, { publisher, name, version });
    const found = offered?.sha256 === sha256 ? offered : undefined;
    const body = await packageBody(c.env.PACKAGES, found);
    if (found) c.executionCtx.waitUntil(countInstall(db, found.pluginSeq, clientOf(c).address, Date.now()));
    return body;
  });

  registerRoute(app, packageRoute);
  app.get("/api/market/packages/:hash", followed, async (c) => {
    const found = await findPublicVersion(database(c.env.DB), c.req.param("hash"));
    if (found?.state === "revoked")
      throw new PorchlightError("plugin_revoked", `The market took it back: ${found.words}`);
    return await packageBody(c.env.PACKAGES, found);
  });
}

/** An edge that follows another's market hands on what that one says: its machines ask their own edge. */
const followed: MiddlewareHandler<AppEnv> = async (c, next) => {
  const origin = followedMarket(c.env);
  if (origin === undefined) return await next();
  return await passOn(origin, new URL(c.req.url).pathname);
};

async function packageBody(packages: R2Bucket, version: { hash: string } | undefined): Promise<Response> {
  const object = version === undefined ? null : await packages.get(packageName(version.hash));
  if (object === null) throw new PorchlightError("not_found", "The market has no such package.");
  return new Response(object.body, {
    headers: { "content-type": "application/x-tar", "content-length": String(object.size), "cache-control": FOR_EVER },
  });
}

function json(body: string, cacheControl: string): Response {
  return new Response(body, { headers: { "content-type": "application/json", "cache-control": cacheControl } });
}
