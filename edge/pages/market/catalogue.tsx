import {
  type Catalogue,
  CATALOGUE_SORTS,
  type CatalogueEntry,
  type CatalogueQuery,
  PLUGIN_KINDS,
} from "../../../shared/market/catalogue.ts";
import { Button, ButtonLink } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Select } from "../components/field.tsx";
import { ReadingShell } from "../components/shell.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { priceWords } from "./buying.tsx";
import { inLocale, installsOf, Maker, pluginPath } from "./parts.tsx";
import { Tile } from "./tile.tsx";

/** The catalogue: plain links and one form, so that it works without a script and can be bookmarked. */
export function CataloguePage(props: { page: PageProps; query: CatalogueQuery; catalogue: Catalogue }) {
  const { page, query, catalogue } = props;
  const { market } = page.strings;
  const { plugins, total, pages } = catalogue;
  return (
    <ReadingShell page={page} title={market.title} current="market">
      <main class="market" id="content">
        <header class="market-head">
          <h1 class="display">{market.title}</h1>
          <p class="lead">{market.text}</p>
          <SearchForm page={page} query={query} />
          <nav class="chips" aria-label={market.kind}>
            <KindLink page={page} query={query} kind={undefined} />
            {PLUGIN_KINDS.map((kind) => (
              <KindLink page={page} query={query} kind={kind} />
            ))}
          </nav>
        </header>
        {plugins.length === 0 ? (
          <EmptyState
            heading={query.query === "" && query.kind === undefined ? market.empty : market.nothing}
            text={query.query === "" && query.kind === undefined ? market.emptyText : market.nothingText}
          />
        ) : (
          <>
            <p class="muted">{format(total === 1 ? market.countOne : market.count, { n: total })}</p>
            <ul class="cards">
              {plugins.map((entry) => (
                <Card page={page} entry={entry} />
              ))}
            </ul>
          </>
        )}
        {pages < 2 ? null : (
          <nav class="actions" aria-label={market.pages}>
            {query.page > 1 ? (
              <ButtonLink href={hrefOf(query, { page: query.page - 1 })} label={market.previous} />
            ) : null}
            <span class="muted">{format(market.place, { page: query.page, pages })}</span>
            {query.page < pages ? (
              <ButtonLink href={hrefOf(query, { page: query.page + 1 })} label={market.next} />
            ) : null}
          </nav>
        )}
        <p class="market-foot">
          <a href="/market/mine">{market.mine}</a> · <a href="/market/purchases">{page.strings.buying.purchases}</a>
        </p>
      </main>
    </ReadingShell>
  );
}

function SearchForm({ page, query }: { page: PageProps; query: CatalogueQuery }) {
  const { market } = page.strings;
  return (
    <form class="market-search" method="get" action="/market" role="search">
      <label class="visually-hidden" for="query">
        {market.search}
      </label>
      <input id="query" type="search" name="query" value={query.query} maxlength={100} placeholder={market.search} />
      {query.kind === undefined ? null : <input type="hidden" name="kind" value={query.kind} />}
      <Select id="sort" name="sort" label={market.sort} quietLabel>
        {CATALOGUE_SORTS.map((sort) => (
          <option value={sort} selected={sort === query.sort}>
            {market.sorts[sort]}
          </option>
        ))}
      </Select>
      <Button type="submit" kind="primary" label={market.find} />
    </form>
  );
}

function KindLink({ page, query, kind }: { page: PageProps; query: CatalogueQuery; kind: CatalogueQuery["kind"] }) {
  const { market } = page.strings;
  return (
    <a class="chip" href={hrefOf(query, { kind, page: 1 })} aria-current={kind === query.kind ? "true" : undefined}>
      {kind === undefined ? market.allKinds : market.kinds[kind]}
    </a>
  );
}

function Card({ page, entry }: { page: PageProps; entry: CatalogueEntry }) {
  const { market } = page.strings;
  const title = inLocale(page, entry.title);
  return (
    <li class="card">
      <Tile name={entry.name} title={title} icon={entry.icon} />
      <div class="card-main">
        <h2 class="card-title">
          <a href={pluginPath(entry.name)}>{title}</a>
        </h2>
        <Maker page={page} entry={entry} />
        <p class="card-text">{inLocale(page, entry.description)}</p>
        <p class="card-notes">
          <span>{market.kinds[entry.kind]}</span>
          <span>{entry.price === null ? market.free : priceWords(page, entry.price)}</span>
          <span>{format(market.installs, { n: installsOf(page, entry.installs) })}</span>
        </p>
      </div>
    </li>
  );
}

/** The catalogue's address with that changed. What is as usual is left out. */
function hrefOf(query: CatalogueQuery, change: Partial<CatalogueQuery>): string {
  const { query: text, kind, sort, page } = { ...query, ...change };
  const search = new URLSearchParams();
  if (text !== "") search.set("query", text);
  if (kind !== undefined) search.set("kind", kind);
  if (sort !== "relevance") search.set("sort", sort);
  if (page > 1) search.set("page", String(page));
  return search.size === 0 ? "/market" : `/market?${search.toString()}`;
}
