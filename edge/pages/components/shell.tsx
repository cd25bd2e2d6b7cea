import type { Child } from "hono/jsx";
import { hasRole, type Role } from "../../access/roles.ts";
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

/** Places of the navigation, in order, each with the least role that sees it; `visitor` sees what needs nobody. */
const PLACES = [
  { name: "chat", href: "/", role: "viewer" },
  { name: "agents", href: "/agents", role: "viewer" },
  { name: "jobs", href: "/jobs", role: "viewer" },
  { name: "schedules", href: "/schedules", role: "viewer" },
  { name: "memory", href: "/memory", role: "viewer" },
  { name: "plugins", href: "/plugins", role: "viewer" },
  { name: "market", href: "/market", role: "visitor" },
  { name: "keys", href: "/keys", role: "member" },
  { name: "usage", href: "/usage", role: "viewer" },
  { name: "account", href: "/account", role: "viewer" },
  { name: "sessions", href: "/sessions", role: "viewer" },
  { name: "members", href: "/members", role: "owner" },
  { name: "audit", href: "/audit", role: "owner" },
  { name: "docs", href: "/docs", role: "visitor" },
] as const satisfies { name: string; href: string; role: Role | "visitor" }[];
export type Place = (typeof PLACES)[number]["name"];

function Navigation({ page, current }: { page: PageProps; current: Place | undefined }) {
  const { shell } = page.strings;
  const role = page.person?.role;
  const places = PLACES.filter(
    (place) => place.role === "visitor" || (role !== undefined && hasRole(role, place.role)),
  );
  return (
    <nav class="topbar-nav" aria-label={shell.mainNav}>
      {role === undefined ? <a href="/">{shell.signIn}</a> : null}
      {places.map(({ name, href }) => (
        <a href={href} aria-current={current === name ? "page" : undefined}>
          {shell[name]}
        </a>
      ))}
    </nav>
  );
}

/** A page to read: a bar on top, content below. The chat has a layout of its own. */
export function ReadingShell(props: {
  page: PageProps;
  title: string;
  current?: Place;
  script?: "page.js" | "account.js" | "import.js";
  children?: Child;
}) {
  const { page } = props;
  return (
    <Document page={page} title={props.title} script={props.script ?? "page.js"} layout="reading">
      <header class="topbar">
        <Brand page={page} />
        <Navigation page={page} current={props.current} />
        <Preferences page={page} />
      </header>
      {props.children}
    </Document>
  );
}
