import type { Child } from "hono/jsx";
import { LOCALE_NAMES, LOCALES } from "../i18n/index.ts";
import type { PageProps } from "../page-props.ts";
import { Button } from "./button.tsx";
import { Document } from "./document.tsx";
import { Icon, Lamp } from "./icons.tsx";

/** Lamp and name, leading home. */
export function Brand({ page }: { page: PageProps }) {
  return (
    <a class="brand" href="/">
      <Lamp />
      <span>{page.strings.shell.appName}</span>
    </a>
  );
}

/** Language and theme: the same two controls on every page. */
export function Preferences({ page }: { page: PageProps }) {
  const other = LOCALES.find((locale) => locale !== page.locale) ?? page.locale;
  return (
    <div class="preferences">
      <a class="button button-quiet" href={`${page.path}?lang=${other}`} hreflang={other} lang={other} rel="nofollow">
        <Icon name="globe" />
        <span class="button-label">{LOCALE_NAMES[other]}</span>
      </a>
      <Button kind="quiet" iconOnly label={page.strings.shell.theme} action="flip-theme">
        <Icon name="sun" />
        <Icon name="moon" />
      </Button>
    </div>
  );
}

export function SignOut({ page }: { page: PageProps }) {
  return (
    <form method="post" action="/api/sign-out">
      <Button kind="quiet" type="submit" icon="leave" label={page.strings.shell.signOut} />
    </form>
  );
}

/** A page to read: a bar on top, content below. The chat has a layout of its own. */
export function ReadingShell(props: { page: PageProps; title: string; current?: "docs"; children?: Child }) {
  const { page } = props;
  const { shell } = page.strings;
  return (
    <Document page={page} title={props.title} script="page.js" layout="reading">
      <header class="topbar">
        <Brand page={page} />
        <nav class="topbar-nav" aria-label={shell.mainNav}>
          <a href="/">{shell.chat}</a>
          <a href="/docs" aria-current={props.current === "docs" ? "page" : undefined}>
            {shell.docs}
          </a>
        </nav>
        <Preferences page={page} />
      </header>
      {props.children}
    </Document>
  );
}
