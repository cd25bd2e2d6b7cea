import type { Child } from "hono/jsx";
import type { PageProps } from "../page-props.ts";

type DocumentProps = {
  page: PageProps;
  title: string;
  /** The page's one script under /assets. */
  script: "chat.js" | "page.js" | "account.js" | "import.js";
  /** Class of the body: the layout. */
  layout: "app" | "reading";
  children?: Child;
};

/** The html element: language, theme, title, the stylesheet and the one script. Nothing inline, nothing from elsewhere. */
export function Document({ page, title, script, layout, children }: DocumentProps) {
  const { shell } = page.strings;
  return (
    <html lang={page.locale} data-theme={page.theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content" />
        <meta name="color-scheme" content="light dark" />
        <meta name="description" content={shell.tagline} />
        <title>{`${title} · ${shell.appName}`}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/icon.svg" />
        <link rel="stylesheet" href="/assets/style.css" />
        <script type="module" src={`/assets/${script}`} />
      </head>
      <body class={`layout-${layout}`}>
        <a class="skip-link" href="#content">
          {shell.skip}
        </a>
        {children}
      </body>
    </html>
  );
}

/** Data for the page's script, as JSON that no markup can break out of. */
export function PageData({ id, data }: { id: string; data: unknown }) {
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  return <script type="application/json" id={id} dangerouslySetInnerHTML={{ __html: json }} />;
}
