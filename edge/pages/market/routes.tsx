import { type Context, Hono } from "hono";
import { PorchlightError } from "../../../shared/errors.ts";
import { catalogueQuerySchema } from "../../../shared/market/catalogue.ts";
import type { AppEnv } from "../../env.ts";
import { balancesOf } from "../../market/money/earnings.ts";
import { marketReader } from "../../market/reader.ts";
import { differenceWith } from "../../market/review.ts";
import { listMarketPeople, marketRoleOf, requireMarketRole } from "../../market/roles.ts";
import { findPublisher, listNamespaces, listPublisherKeys } from "../../market/store/publishers.ts";
import { listReports } from "../../market/store/reports.ts";
import { listReviews } from "../../market/store/reviews.ts";
import {
  findVersion,
  listFindings,
  listPublisherVersions,
  listVersionsIn,
  listVersionsOf,
  type Version,
  type VersionOf,
} from "../../market/store/versions.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { shownPayouts } from "../../routes/market-payouts.ts";
import { shownFindings, shownVersion } from "../../routes/market-schema.ts";
import { database } from "../../store/database.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { CataloguePage } from "./catalogue.tsx";
import { DeskPage, PluginVersionsPage, type Waiting } from "./desk.tsx";
import { buyingOf } from "./money-routes.tsx";
import { MinePage, type MyPublisher, type MyVersion } from "./mine.tsx";
import { PluginPage } from "./plugin.tsx";
import { ReviewPage } from "./review.tsx";

const MOST_LISTED = 100;
const BEING_CHECKED = new Set(["submitted", "validating", "scanning"]);

/** The market: the catalogue for anybody, what one publishes, and the review desk. */
export const marketPages = new Hono<AppEnv>();

marketPages.get("/market", async (c) => {
  const asked = catalogueQuerySchema.safeParse(c.req.query());
  // Somebody bent the address: the catalogue from its beginning is what helps them.
  const query = asked.success ? asked.data : catalogueQuerySchema.parse({});
  const catalogue = await marketReader(c.env).list(query);
  return await renderPage(c, <CataloguePage page={pageProps(c)} query={query} catalogue={catalogue} />);
});

marketPages.get("/market/mine", async (c) => {
  const db = database(c.env.DB);
  const account = accountOf(c);
  const [publisher, role] = await Promise.all([findPublisher(db, account.userId), marketRoleOf(db, account)]);
  const versions = publisher === undefined ? [] : await listPublisherVersions(db, publisher.id, MOST_LISTED);
  // Checks take seconds: the page looks again by itself.
  if (versions.some(({ version }) => BEING_CHECKED.has(version.state))) c.header("refresh", "3");
  const page = pageProps(c);
  return await renderPage(
    c,
    <MinePage
      page={page}
      publisher={publisher && (await myPublisher(c, publisher))}
      versions={await Promise.all(versions.map(async (found) => await myVersion(c, found)))}
      earnings={publisher === undefined ? [] : await balancesOf(db, publisher.id)}
      payouts={publisher && (await shownPayouts(c, publisher.id))}
      isReviewer={role !== undefined}
    />,
  );
});

marketPages.get("/market/:publisher/:name", async (c) => {
  const { publisher, name } = c.req.param();
  const plugin = await marketReader(c.env).find(publisher, name);
  if (plugin === undefined) throw new PorchlightError("not_found", "The market has no such plugin.");
  const buying = await buyingOf(c, plugin);
  const { account } = c.var;
  const role = account && (await marketRoleOf(database(c.env.DB), account));
  return await renderPage(
    c,
    <PluginPage page={pageProps(c)} plugin={plugin} buying={buying} isReviewer={role !== undefined} />,
  );
});

marketPages.get("/reviews", async (c) => {
  const db = database(c.env.DB);
  const account = accountOf(c);
  const role = await requireMarketRole(db, account, "reviewer");
  const onDesk = (one: VersionOf): Waiting => ({
    version: shownVersion(one),
    claimed: claimOf(one.version, account.userId),
  });
  const named = c.req.query("plugin");
  if (named !== undefined) {
    const versions = (await listVersionsOf(db, named, MOST_LISTED)).map(onDesk);
    return await renderPage(c, <PluginVersionsPage page={pageProps(c)} plugin={named} versions={versions} />);
  }
  const [found, reported, people] = await Promise.all([
    listVersionsIn(db, ["in_review", "quarantined"], MOST_LISTED),
    listReports(db, MOST_LISTED),
    role === "administrator" ? listMarketPeople(db, account.id) : undefined,
  ]);
  const waiting = found.map(onDesk);
  const reports = reported.map(({ report: { version, reason, words, at }, plugin }) => {
    const name = `@${plugin.namespace}/${plugin.name}`;
    return { plugin: name, version, reason, words, atMs: at, hidden: plugin.hiddenAt !== null };
  });
  return await renderPage(c, <DeskPage page={pageProps(c)} waiting={waiting} reports={reports} people={people} />);
});

marketPages.get("/reviews/:id", async (c) => {
  const db = database(c.env.DB);
  const account = accountOf(c);
  await requireMarketRole(db, account, "reviewer");
  const found = await findVersion(db, c.req.param("id"));
  if (found === undefined || found.version.state === "draft") {
    throw new PorchlightError("not_found", "There is no such version.");
  }
  const { id, readme } = found.version;
  const [difference, findings, reviews] = await Promise.all([
    differenceWith(db, c.env.PACKAGES, found),
    listFindings(db, id),
    listReviews(db, id),
  ]);
  return await renderPage(
    c,
    <ReviewPage
      page={pageProps(c)}
      version={shownVersion(found)}
      isClaimed={claimOf(found.version, account.userId) === "mine"}
      difference={difference}
      findings={shownFindings(findings)}
      reviews={reviews.map(({ reviewerName: reviewer, decision, words }) => ({ reviewer, decision, words }))}
      readme={readme}
    />,
  );
});

async function myPublisher(
  c: Context<AppEnv>,
  { id, name, official }: { id: string; name: string; official: boolean },
): Promise<MyPublisher> {
  const db = database(c.env.DB);
  const [namespaces, keys] = await Promise.all([listNamespaces(db, id), listPublisherKeys(db, id)]);
  const inUse = keys.filter(({ revokedAt }) => revokedAt === null);
  const shown = inUse.map((key) => ({ publicKey: key.publicKey, name: key.name, createdAtMs: key.createdAt }));
  return { name, official, namespaces, keys: shown };
}

/** What was found is worth reading until a version is out. */
async function myVersion(c: Context<AppEnv>, found: VersionOf): Promise<MyVersion> {
  const isOut = ["published", "yanked", "revoked"].includes(found.version.state);
  const findings = isOut ? [] : shownFindings(await listFindings(database(c.env.DB), found.version.id));
  return { version: shownVersion(found), findings };
}

function claimOf({ claimedBy, claimedUntil }: Version, userId: string): Waiting["claimed"] {
  if (claimedUntil === null || claimedUntil <= Date.now()) return "no";
  return claimedBy === userId ? "mine" : "other";
}
