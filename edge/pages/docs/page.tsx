import { Inline } from "../components/inline.tsx";
import { ReadingShell } from "../components/shell.tsx";
import type { PageProps } from "../page-props.ts";
import { type OpenApiDocument, routeGroups } from "./openapi.ts";
import { OperationView, RouteName } from "./operation-view.tsx";
import { Quickstart } from "./quickstart.tsx";
import { SchemaView } from "./schema-view.tsx";

type DocsProps = { page: PageProps; document: OpenApiDocument; origin: string };

/** The API reference: a pure function of the OpenAPI document and the address the API is reached at. */
export function DocsPage({ page, document, origin }: DocsProps) {
  const { docs, chat } = page.strings;
  const schemas = Object.entries(document.components?.schemas ?? {});
  return (
    <ReadingShell page={page} title={docs.title} current="docs">
      <div class="docs">
        <Contents {...{ page, document, origin }} />
        <main id="content" class="docs-main">
          <header class="docs-head">
            <h1 class="display">{docs.title}</h1>
            <p class="lead">{docs.intro}</p>
            <dl class="facts">
              <dt>{docs.baseUrl}</dt>
              <dd>
                <code>{`${origin}/v1`}</code>
              </dd>
              <dt>{docs.authentication}</dt>
              <dd>
                <code>Authorization: Bearer plk_live_…</code>
              </dd>
              <dt>{docs.document}</dt>
              <dd>
                <a href="/openapi.json">/openapi.json</a>
              </dd>
            </dl>
          </header>
          <Quickstart origin={origin} strings={docs} copyLabel={chat.copyCode} />
          {routeGroups(document).map(({ tag, anchor, operations }) => (
            <>
              <h2 id={anchor}>{tag}</h2>
              {operations.map((operation) => (
                <OperationView {...{ operation, document, origin }} strings={docs} copyLabel={chat.copyCode} />
              ))}
            </>
          ))}
          {schemas.length === 0 ? null : <h2 id="schemas">{docs.schemas}</h2>}
          {schemas.map(([name, schema]) => (
            <section class="schema" id={`schema-${name}`}>
              <h3>
                <a href={`#schema-${name}`}>{name}</a>
              </h3>
              {schema.description === undefined ? null : (
                <p>
                  <Inline text={schema.description} />
                </p>
              )}
              <SchemaView schema={schema} strings={docs} />
            </section>
          ))}
        </main>
      </div>
    </ReadingShell>
  );
}

/** Links to everything on the page, folded by group: a column on a wide screen, before all else on a narrow one. */
function Contents({ page, document }: DocsProps) {
  const { docs } = page.strings;
  const schemaNames = Object.keys(document.components?.schemas ?? {});
  return (
    <nav class="docs-nav" aria-label={docs.onThisPage}>
      <a href="#quickstart">{docs.quickstart}</a>
      {routeGroups(document).map(({ tag, operations }) => (
        <details>
          <summary>{tag}</summary>
          <ul>
            {operations.map((operation) => (
              <li>
                <a href={`#${operation.anchor}`}>
                  <RouteName operation={operation} />
                </a>
              </li>
            ))}
          </ul>
        </details>
      ))}
      {schemaNames.length === 0 ? null : (
        <details>
          <summary>{docs.schemas}</summary>
          <ul>
            {schemaNames.map((name) => (
              <li>
                <a href={`#schema-${name}`}>{name}</a>
              </li>
            ))}
          </ul>
        </details>
      )}
    </nav>
  );
}
