import { FormError } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import type { PageProps } from "../page-props.ts";

/** What a plugin is and asks for, before it is installed. The script fills it once it has looked. */
export function ConsentPanel({ page }: { page: PageProps }) {
  const { plugins: text } = page.strings;
  return (
    <form class="consent" data-part="consent" data-flow="install-plugin" aria-labelledby="consent-title" hidden>
      <h3 id="consent-title" data-part="consent-title" tabindex={-1} />
      <p data-part="consent-text" />
      <p class="muted" data-part="consent-notes" />
      <p>{text.asks}</p>
      <ul class="permissions" data-part="consent-list" />
      <input type="hidden" name="consent" />
      <p class="actions">
        <Button type="submit" kind="primary" label={text.agree} />
      </p>
      <FormError />
    </form>
  );
}
