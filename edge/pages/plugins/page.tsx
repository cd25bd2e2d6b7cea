import { permissionWords, sizeWords } from "../../../shared/plugin/permission-words.ts";
import type { Permissions } from "../../../shared/plugin/manifest.ts";
import type { CallRecord } from "../../home/plugins/call-table.ts";
import type { InstalledView } from "../../home/plugins/desk.ts";
import type { UpdateView } from "../../home/plugins/updates/update-view.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import { inLocale } from "../market/parts.tsx";
import { Tile } from "../market/tile.tsx";
import { ConnectedClients } from "../oauth/connected.tsx";
import type { PageProps } from "../page-props.ts";
import type { OauthGrant } from "../../store/oauth.ts";
import { grantsOf } from "./grants.ts";
import { PluginParts } from "./parts.tsx";
import { ConsentPanel } from "./consent.tsx";
import { Updates } from "./updates.tsx";

interface PluginsPageProps {
  page: PageProps;
  plugins: InstalledView[];
  updates: UpdateView[];
  calls: CallRecord[];
  clients: OauthGrant[];
}

/** What one has installed: what each may do, to be granted or withdrawn, and what they were called for. */
export function PluginsPage({ page, plugins, updates, calls, clients }: PluginsPageProps) {
  const { plugins: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="plugins" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
        <p class="muted">{text.text}</p>
        <p>
          <ButtonLink href="/market" label={text.toMarket} />{" "}
          <ButtonLink href="/hooks" label={page.strings.hooks.toHooks} />{" "}
          <ButtonLink href="/plugins/servers" label={page.strings.servers.link} />
        </p>
      </header>
      {plugins.length === 0 ? <EmptyState heading={text.empty} text={text.emptyText} /> : null}
      {updates.some(({ origin }) => origin !== "file") ? (
        <ActionButton request="POST /api/plugins/updates" label={page.strings.updates.look} />
      ) : null}
      {plugins.map((plugin) => (
        <PluginSection page={page} plugin={plugin} updates={updates.find(({ name }) => name === plugin.name)} />
      ))}
      <Section heading={text.install} text={text.installText}>
        <form class="inline-form" data-flow="inspect-plugin">
          <div class="field">
            <label for="package">{text.file}</label>
            <input id="package" type="file" data-part="package" accept=".plugin" required />
          </div>
          <Button type="submit" label={text.look} />
          <FormError />
        </form>
        <ConsentPanel page={page} />
      </Section>
      <ConnectedClients page={page} clients={clients} />
      {calls.length === 0 ? null : <Calls page={page} calls={calls} />}
    </AccessShell>
  );
}

function PluginSection({
  page,
  plugin,
  updates,
}: {
  page: PageProps;
  plugin: InstalledView;
  updates: UpdateView | undefined;
}) {
  const { plugins: text, updates: updateText } = page.strings;
  const { manifest, name, version, enabled, permissions, tools, secretsSet, storedBytes } = plugin;
  const path = `/api/plugins/${name.slice(1)}`;
  const title = inLocale(page, manifest.title);
  return (
    <section class="section" data-plugin={name}>
      <div class="plugin-head">
        <Tile name={name} title={title} icon={manifest.icon} />
        <div>
          <h2>{title}</h2>
          <p class="plugin-name muted">
            <code>{name}</code> {version} {enabled ? null : <span class="badge">{text.off}</span>}{" "}
            {updates?.offer ? <span class="badge">{updateText.badge}</span> : null}
          </p>
        </div>
      </div>
      <p>{inLocale(page, manifest.description)}</p>
      <p class="muted">
        {format(text.tools, { tools: tools.map((tool) => tool.name).join(", ") })}
        {storedBytes === 0 ? "" : ` · ${format(text.stored, { size: sizeWords(storedBytes) })}`}
      </p>
      <PluginParts page={page} plugin={plugin} />
      {updates === undefined ? null : <Updates page={page} plugin={plugin} updates={updates} />}
      <Grants page={page} path={path} asks={manifest.permissions} granted={permissions} />
      {manifest.permissions.secrets.map((secret) => (
        <form class="inline-form" data-request={`PUT ${path}/secrets/${secret}`}>
          <Field
            id={`secret-${name.slice(1).replace("/", "-")}-${secret}`}
            name="value"
            type="password"
            label={secret}
            hint={secretsSet.includes(secret) ? text.secretSet : text.secretMissing}
            autocomplete="off"
            required
          />
          <Button type="submit" label={text.saveSecret} />
          <FormError />
        </form>
      ))}
      <div class="actions">
        <ActionButton
          request={`PATCH ${path}`}
          body={{ enabled: !enabled }}
          label={enabled ? text.switchOff : text.switchOn}
        />
        <ActionButton
          request={`DELETE ${path}`}
          label={text.remove}
          ask={format(text.removeAsk, { title })}
          kind="quiet"
        />
      </div>
    </section>
  );
}

/** A box for each thing that it asks for: without a mark it does not exist for the plugin. */
function Grants({
  page,
  path,
  asks,
  granted,
}: {
  page: PageProps;
  path: string;
  asks: Permissions;
  granted: Permissions;
}) {
  const { plugins: text } = page.strings;
  const all = grantsOf(asks);
  if (all.length === 0) return <p class="muted">{permissionWords(asks, page.locale)[0]?.text}</p>;
  const given = new Set(grantsOf(granted).map(({ key }) => key));
  return (
    <form class="grants" data-flow="grant-plugin">
      <fieldset>
        <legend>{text.may}</legend>
        <input type="hidden" name="path" value={path} />
        {all.map(({ key, permissions }) => (
          <label class="grant">
            <input type="checkbox" name={key} checked={given.has(key)} />
            <span>{permissionWords(permissions, page.locale)[0]?.text}</span>
          </label>
        ))}
      </fieldset>
      <Button type="submit" label={text.saveGrants} />
      <FormError />
    </form>
  );
}

function Calls({ page, calls }: { page: PageProps; calls: CallRecord[] }) {
  const { plugins: text } = page.strings;
  return (
    <Section heading={text.calls} text={text.callsText}>
      <ul class="rows">
        {calls.map(({ id, plugin, tool, state, place, startedAtMs, ms, error }) => (
          <li class="row">
            <div class="row-main">
              <p class="row-title">
                <a class="row-name" href={`/plugins/calls/${id}`}>
                  {plugin} {tool}
                </a>
                <span class="badge" data-state={state}>
                  {text.states[state]}
                </span>
              </p>
              <p class="row-notes">
                <Moment page={page} timeMs={startedAtMs} template="{date}" />
                {place === null ? null : <span>{text.places[place]}</span>}
                {ms === null ? null : <span>{format(text.ms, { n: Math.round(ms) })}</span>}
                {error === null ? null : <span>{error.message}</span>}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}
