import { FormError } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import type { PageProps } from "../page-props.ts";

/** Has the script look at a server and show what it offers. */
export function LookForm({ page, fields }: { page: PageProps; fields: Readonly<Record<string, string>> }) {
  return (
    <form data-flow="look-at-server">
      {Object.entries(fields).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      <Button type="submit" label={page.strings.servers.look} />
      <FormError />
    </form>
  );
}

/** To the server's own page. */
export function SignInForm({ page, name, url }: { page: PageProps; name: string; url: string }) {
  return (
    <form data-flow="sign-in-at-server">
      <input type="hidden" name="name" value={name} />
      <input type="hidden" name="url" value={url} />
      <Button type="submit" kind="primary" label={page.strings.servers.signIn} />
      <FormError />
    </form>
  );
}

/** What a server offers, before it is mounted. The script fills it once it has looked. */
export function LookPanel({ page }: { page: PageProps }) {
  const { servers: text, oauth } = page.strings;
  return (
    <form
      class="consent"
      data-part="server-look"
      data-flow="mount-server"
      data-reads={oauth.reads}
      data-changes={oauth.changes}
      aria-labelledby="server-look-title"
      hidden
    >
      <h3 id="server-look-title" data-part="server-look-title" tabindex={-1} />
      <p>{text.offers}</p>
      <ul class="permissions" data-part="server-look-list" />
      <p class="muted">{text.grantTaints}</p>
      <input type="hidden" name="mount" value="" />
      <p class="actions">
        <Button type="submit" kind="primary" label={text.mount} />
      </p>
      <FormError />
    </form>
  );
}
