import type { ShownVersion } from "../../routes/market-schema.ts";
import { AccessShell, ActionButton, FormError, Moment, Section } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { Field } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import type { Balance } from "../../market/money/earnings.ts";
import type { ShownPayouts } from "../../routes/market-payouts.ts";
import { moneyOf } from "./parts.tsx";
import { Payouts } from "./payouts.tsx";
import { Findings, type ShownFinding, StateBadge } from "./version-parts.tsx";

export interface MyPublisher {
  name: string;
  official: boolean;
  namespaces: string[];
  keys: { publicKey: string; name: string; createdAtMs: number }[];
}

export interface MyVersion {
  version: ShownVersion;
  findings: ShownFinding[];
}

interface MinePageProps {
  page: PageProps;
  publisher: MyPublisher | undefined;
  versions: MyVersion[];
  earnings: Balance[];
  payouts: ShownPayouts | undefined;
  isReviewer: boolean;
}

/** What somebody publishes: who they are in the market, and where each of their versions stands. */
export function MinePage({ page, publisher, versions, earnings, payouts, isReviewer }: MinePageProps) {
  const { publishing: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} current="market" layout="settings">
      <header class="settings-head">
        <h1 class="display">{text.title}</h1>
        <p class="muted">{text.text}</p>
        {isReviewer ? (
          <p>
            <a href="/reviews">{text.desk}</a>
          </p>
        ) : null}
      </header>
      <Section heading={text.publisher} text={text.publisherText}>
        <form class="inline-form" data-request="PUT /api/market/publisher">
          <Field
            id="name"
            label={text.name}
            value={publisher?.name ?? page.person?.name ?? ""}
            maxlength={60}
            required
          />
          <Button
            type="submit"
            kind={publisher === undefined ? "primary" : "plain"}
            label={publisher === undefined ? text.become : text.rename}
          />
          <FormError />
        </form>
      </Section>
      {publisher === undefined ? null : (
        <>
          <Namespaces page={page} namespaces={publisher.namespaces} />
          <Keys page={page} keys={publisher.keys} />
          <Upload page={page} />
          <Versions page={page} versions={versions} isOfficial={publisher.official} />
          <Earnings page={page} earnings={earnings} />
          {payouts === undefined ? null : <Payouts page={page} payouts={payouts} earnings={earnings} />}
        </>
      )}
    </AccessShell>
  );
}

function Earnings({ page, earnings }: { page: PageProps; earnings: Balance[] }) {
  const { publishing: text } = page.strings;
  if (earnings.length === 0) return null;
  const month = new Date().toISOString().slice(0, 7);
  return (
    <Section heading={text.earnings} text={text.earningsText}>
      <ul class="rows">
        {earnings.map(({ currency, held, available, transit }) => (
          <li class="row">
            <div class="row-main">
              <p class="row-name">{moneyOf(page, { currency, minorUnits: available })}</p>
              <p class="row-notes">
                <span>{format(text.held, { amount: moneyOf(page, { currency, minorUnits: held }) })}</span>
                {transit === 0 ? null : (
                  <span>{format(text.transit, { amount: moneyOf(page, { currency, minorUnits: transit }) })}</span>
                )}
              </p>
            </div>
            <a href={`/api/market/earnings/statement?currency=${currency}&month=${month}`}>{text.statement}</a>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Namespaces({ page, namespaces }: { page: PageProps; namespaces: string[] }) {
  const { publishing: text } = page.strings;
  return (
    <Section heading={text.namespaces} text={text.namespacesText}>
      {namespaces.length === 0 ? null : (
        <ul class="chips-plain">
          {namespaces.map((namespace) => (
            <li>
              <code>@{namespace}</code>
            </li>
          ))}
        </ul>
      )}
      <form class="inline-form" data-request="POST /api/market/namespaces">
        <Field id="namespace" label={text.namespace} hint={text.namespaceHint} maxlength={40} required />
        <Button type="submit" label={text.claim} />
        <FormError />
      </form>
    </Section>
  );
}

function Keys({ page, keys }: { page: PageProps; keys: MyPublisher["keys"] }) {
  const { publishing: text, chat } = page.strings;
  return (
    <Section heading={text.keys} text={text.keysText}>
      {keys.length === 0 ? null : (
        <ul class="rows">
          {keys.map(({ publicKey, name, createdAtMs }) => (
            <li class="row">
              <div class="row-main">
                <p class="row-name">{name}</p>
                <p class="row-notes">
                  <code>{publicKey}</code>
                  <Moment page={page} timeMs={createdAtMs} template={text.since} />
                </p>
              </div>
              <ActionButton
                request={`DELETE /api/market/publisher-keys/${encodeURIComponent(publicKey)}`}
                label={text.revokeKey}
                ask={format(text.revokeKeyAsk, { name })}
                kind="quiet"
              />
            </li>
          ))}
        </ul>
      )}
      <Command code="porchlight plugin publish FILE" copyLabel={chat.copyCode} />
    </Section>
  );
}

function Upload({ page }: { page: PageProps }) {
  const { publishing: text } = page.strings;
  return (
    <Section heading={text.upload} text={text.uploadText}>
      <form class="inline-form" data-flow="upload-package">
        <div class="field">
          <label for="package">{text.file}</label>
          <input id="package" type="file" data-part="package" accept=".plugin" required />
        </div>
        <Button type="submit" kind="primary" label={text.send} />
        <FormError />
      </form>
    </Section>
  );
}

function Versions({ page, versions, isOfficial }: { page: PageProps; versions: MyVersion[]; isOfficial: boolean }) {
  const { publishing: text } = page.strings;
  if (versions.length === 0) return null;
  return (
    <Section heading={text.versions}>
      <ul class="rows">
        {versions.map(({ version: { id, plugin, version, state, stateAt, words }, findings }) => (
          <li class="row" data-version={id}>
            <div class="row-main">
              <p class="row-title">
                <span class="row-name">
                  {plugin} {version}
                </span>
                <StateBadge page={page} state={state} />
              </p>
              <p class="row-notes">
                <Moment page={page} timeMs={Date.parse(stateAt)} template={text.since} />
                {words === "" ? null : <span>{words}</span>}
              </p>
              <Findings page={page} findings={findings} />
            </div>
            <div class="actions">
              {state === "draft" ? (
                <>
                  <ActionButton request={`POST /api/market/versions/${id}/submit`} label={text.submit} />
                  {isOfficial ? (
                    <ActionButton
                      request={`POST /api/market/versions/${id}/submit`}
                      body={{ official: true }}
                      label={text.submitOfficial}
                    />
                  ) : null}
                  <ActionButton request={`DELETE /api/market/versions/${id}`} label={text.discard} kind="quiet" />
                </>
              ) : null}
              {state === "published" ? (
                <ActionButton
                  request={`POST /api/market/versions/${id}/yank`}
                  label={text.yank}
                  ask={text.yankAsk}
                  kind="quiet"
                />
              ) : null}
              {state === "yanked" ? (
                <ActionButton request={`POST /api/market/versions/${id}/restore`} label={text.restore} kind="quiet" />
              ) : null}
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}
