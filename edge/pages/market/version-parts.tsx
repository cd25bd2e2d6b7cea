import type { z } from "zod";
import type { VersionState } from "../../../shared/market/states.ts";
import type { findingSchema } from "../../routes/market-schema.ts";
import type { PageProps } from "../page-props.ts";

export type ShownFinding = z.infer<typeof findingSchema>;

/** Where a version stands, in a word. */
export function StateBadge({ page, state }: { page: PageProps; state: VersionState }) {
  return (
    <span class="badge" data-state={state}>
      {page.strings.publishing.states[state]}
    </span>
  );
}

/** What the checks found, the worst first. */
export function Findings({ page, findings }: { page: PageProps; findings: ShownFinding[] }) {
  if (findings.length === 0) return null;
  const { publishing: text } = page.strings;
  return (
    <ul class="findings" aria-label={text.findings}>
      {findings.map(({ severity, message, path, line, excerpt }) => (
        <li data-severity={severity}>
          <span>{message}</span>
          <code>
            {path}
            {line === 0 ? "" : `:${line}`}
          </code>
          {excerpt === "" ? null : <code class="excerpt">{excerpt}</code>}
        </li>
      ))}
    </ul>
  );
}
