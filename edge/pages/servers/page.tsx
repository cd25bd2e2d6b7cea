import type { Mount } from "../../home/mcp/mount-table.ts";
import type { SignIn } from "../../home/mcp/sign-in/sign-in.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import { Notice } from "../components/notice.tsx";
import { format } from "../i18n/format.ts";
import { ToolList } from "../oauth/tool-list.tsx";
import type { PageProps } from "../page-props.ts";
import { LookForm, LookPanel, SignInForm } from "./forms.tsx";

interface ServersPageProps {
  page: PageProps;
  mounts: Mount[];
  signIns: SignIn[];
  /** On the owner's machines that are online. */
  found: { agentId: string; server: string }[];
}

/** Servers whose tools one's models may use: what each offers, signing in, switching off, and adding one. */
export function ServersPage({ page, mounts, signIns, found }: ServersPageProps) {
  const { servers: text } = page.strings;
  const isMounted = ({ name }: { name: string }): boolean => mounts.some((mount) => mount.name === name);
  const waiting = signIns.filter((one) => !isMounted(one));
  const free = found.filter(({ server }) => !isMounted({ name: server }));
  return (
    <AccessShell page={page} title={text.title} current="plugins" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
        <p>
          <a href="/plugins">{page.strings.plugins.title}</a>
        </p>
        <p class="muted">{text.text}</p>
      </header>
      {mounts.length + waiting.length === 0 ? <EmptyState heading={text.empty} text={text.emptyText} /> : null}
      {mounts.map((mount) => (
        <ServerSection page={page} mount={mount} signIn={signIns.find(({ name }) => name === mount.name)} />
      ))}
      {waiting.map((signIn) => (
        <WaitingSection page={page} signIn={signIn} />
      ))}
      {free.length === 0 ? null : (
        <Section heading={text.found} text={text.foundText}>
          <ul class="rows">
            {free.map(({ agentId, server }) => (
              <li class="row">
                <div class="row-main">
                  <p class="row-name">{server}</p>
                </div>
                <LookForm page={page} fields={{ name: server, agentId, server }} />
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section heading={text.add} text={text.addText}>
        <form class="door-form" data-flow="look-at-server">
          <Field id="server-url" name="url" label={text.url} hint={text.urlHint} maxlength={2048} required />
          <Field id="server-name" name="name" label={text.name} hint={text.nameHint} maxlength={24} required />
          <details class="more">
            <summary>{text.secret}</summary>
            <Field
              id="server-bearer"
              name="bearer"
              type="password"
              label={text.token}
              hint={text.tokenHint}
              autocomplete="off"
            />
          </details>
          <Button type="submit" kind="primary" label={text.look} />
          <FormError />
        </form>
      </Section>
      <LookPanel page={page} />
    </AccessShell>
  );
}

function ServerSection({ page, mount, signIn }: { page: PageProps; mount: Mount; signIn: SignIn | undefined }) {
  const { servers: text, plugins } = page.strings;
  const { name, source, tools, enabled, changed, mountedAtMs } = mount;
  const path = `/api/mcp-servers/${name}`;
  const again = source.kind === "remote" && signIn?.state === "needed";
  const fields =
    source.kind === "remote" ? { name, url: source.url } : { name, agentId: source.agentId, server: source.server };
  return (
    <section class="section" data-server={name}>
      <h2>
        {name} {enabled ? null : <span class="badge">{plugins.off}</span>}
      </h2>
      <p class="row-notes">
        <span class="breaks">{source.kind === "remote" ? source.url : text.machine}</span>
        <Moment page={page} timeMs={mountedAtMs} template={text.since} />
      </p>
      {again ? (
        <Notice>
          <p>{text.signInAgain}</p>
          <SignInForm page={page} name={name} url={source.url} />
        </Notice>
      ) : null}
      {changed ? (
        <Notice>
          <p>{text.changed}</p>
          <LookForm page={page} fields={fields} />
        </Notice>
      ) : null}
      <details class="more">
        <summary>{format(text.tools, { n: tools.length })}</summary>
        <ToolList page={page} tools={tools} />
      </details>
      <ul class="permissions">
        <li data-risk="high">{text.grantSends}</li>
        <li data-risk="low">{text.grantTaints}</li>
        <li data-risk="low">{source.kind === "remote" ? text.grantRemote : text.grantMachine}</li>
      </ul>
      <div class="actions">
        <ActionButton
          request={`PATCH ${path}`}
          body={{ enabled: !enabled }}
          label={enabled ? plugins.switchOff : plugins.switchOn}
        />
        <ActionButton
          request={`DELETE ${path}`}
          label={plugins.remove}
          ask={format(text.removeAsk, { name })}
          kind="quiet"
        />
      </div>
    </section>
  );
}

function WaitingSection({ page, signIn: { name, url, state } }: { page: PageProps; signIn: SignIn }) {
  const { servers: text, plugins } = page.strings;
  return (
    <section class="section" data-server={name}>
      <h2>{name}</h2>
      <p class="row-notes">
        <span class="breaks">{url}</span>
      </p>
      <p>{state === "signed_in" ? text.signedIn : text.signInAgain}</p>
      <div class="actions">
        {state === "signed_in" ? (
          <LookForm page={page} fields={{ name, url }} />
        ) : (
          <SignInForm page={page} name={name} url={url} />
        )}
        <ActionButton
          request={`DELETE /api/mcp-servers/${name}`}
          label={plugins.remove}
          ask={format(text.removeAsk, { name })}
          kind="quiet"
        />
      </div>
    </section>
  );
}
