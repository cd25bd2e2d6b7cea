import { Hono } from "hono";
import type { AppEnv } from "../../env.ts";
import { ReadingShell } from "../components/shell.tsx";
import { type PageProps, pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { ExportSection, ImportSection } from "./sections.tsx";

/** The page that brings conversations in and takes them out. */
export const importPages = new Hono<AppEnv>();

importPages.get("/import", async (c) => await renderPage(c, <ImportPage page={pageProps(c)} />));

function ImportPage({ page }: { page: PageProps }) {
  const { transfer: text } = page.strings;
  return (
    <ReadingShell page={page} title={text.title} script="import.js" current="account">
      <main class="settings" id="content">
        <header class="settings-head">
          <h1 class="display">{text.title}</h1>
        </header>
        <ImportSection page={page} />
        <ExportSection page={page} />
      </main>
    </ReadingShell>
  );
}
