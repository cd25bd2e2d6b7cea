import type { PorchlightError } from "../../shared/errors.ts";
import { ButtonLink } from "./components/button.tsx";
import { EmptyState } from "./components/empty-state.tsx";
import { Inline } from "./components/inline.tsx";
import { ReadingShell } from "./components/shell.tsx";
import type { PageProps } from "./page-props.ts";

/** An error as a page: what happened, the way out, and two doors. The sentence is the error's own, or its translation. */
export function ProblemPage({ page, error }: { page: PageProps; error: PorchlightError }) {
  const { problem, errors } = page.strings;
  const missing = error.code === "not_found";
  const text = missing ? problem.notFoundText : (errors?.[error.code] ?? error.message);
  return (
    <ReadingShell page={page} title={missing ? problem.notFoundTitle : problem.errorTitle}>
      <main class="message-page" id="content" data-lit="false">
        <EmptyState level={1} heading={missing ? problem.notFoundHeading : problem.errorHeading}>
          <p>
            <Inline text={text} />
          </p>
          <p class="message-page-links">
            <ButtonLink href="/" kind="primary" label={problem.home} />
            <ButtonLink href="/docs" icon="book" label={problem.docs} />
          </p>
        </EmptyState>
      </main>
    </ReadingShell>
  );
}
