import type { InstalledView } from "../../home/plugins/desk.ts";
import { Moment } from "../access/parts.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

/** What a plugin does beside its tools, and when it runs next by itself. */
export function PluginParts({ page, plugin }: { page: PageProps; plugin: InstalledView }) {
  const { hooks: text } = page.strings;
  const { parts, nextRunAtMs } = plugin;
  if (parts.length === 0) return null;
  const words = parts.map((one) =>
    one.part === "schedule" ? `${text.parts.schedule} (${one.every})` : text.parts[one.part],
  );
  return (
    <p class="row-notes">
      <span>{format(text.beside, { parts: words.join("; ") })}</span>
      {nextRunAtMs === null ? null : <Moment page={page} timeMs={nextRunAtMs} template={text.nextRun} />}
      {parts.some(({ part }) => part === "webhook") ? <a href="/hooks">{text.toHooks}</a> : null}
    </p>
  );
}
