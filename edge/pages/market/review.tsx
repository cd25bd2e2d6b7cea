import type { Difference } from "../../../shared/market/difference.ts";
import { REVOCATION_REASONS } from "../../../shared/market/revocations.ts";
import { stateAfter } from "../../../shared/market/states.ts";
import { permissionWords } from "../../../shared/plugin/permission-words.ts";
import { parseManifest } from "../../../shared/plugin/package.ts";
import type { ShownVersion } from "../../routes/market-schema.ts";
import { AccessShell, ActionButton, FormError, Section } from "../access/parts.tsx";
import { Button } from "../components/button.tsx";
import { Select, TextArea } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { Readme } from "./readme.tsx";
import { Findings, type ShownFinding, StateBadge } from "./version-parts.tsx";

export interface ReviewPageProps {
  page: PageProps;
  version: ShownVersion;
  isClaimed: boolean;
  difference: Difference;
  findings: ShownFinding[];
  reviews: { reviewer: string; decision: "approve" | "reject"; words: string }[];
  readme: string;
}

/** A version as a reviewer reads it: what it may do now that it could not before comes first. */
export function ReviewPage({ page, version: of, isClaimed, difference, findings, reviews, readme }: ReviewPageProps) {
  const { publishing: text, market } = page.strings;
  const { plugin, version, state } = of;
  const manifest = parseManifest(of.manifest);
  const name = `${plugin} ${version}`;
  return (
    <AccessShell page={page} title={name} current="market" layout="settings">
      <header class="settings-head">
        <p>
          <a href="/reviews">{text.desk}</a>
        </p>
        <h1 class="display">{name}</h1>
        <p class="row-title">
          <StateBadge page={page} state={state} />
          {of.official ? <span class="badge">{market.official}</span> : null}
        </p>
      </header>
      <Section
        heading={text.permissions}
        text={difference.against === null ? text.first : format(text.against, { version: difference.against })}
      >
        <ul class="changes">
          {difference.permissions.map(({ permission, added, removed }) => (
            <li>
              <code>{permission}</code>
              {added.map((value) => (
                <ins>{value}</ins>
              ))}
              {removed.map((value) => (
                <del>{value}</del>
              ))}
            </li>
          ))}
        </ul>
        <ul class="permissions">
          {permissionWords(manifest.permissions, page.locale).map(({ risk, text: words }) => (
            <li data-risk={risk}>{words}</li>
          ))}
        </ul>
      </Section>
      {findings.length === 0 ? null : (
        <Section heading={text.findings}>
          <Findings page={page} findings={findings} />
        </Section>
      )}
      <Changes page={page} difference={difference} />
      {readme === "" ? null : (
        <Section heading={market.readme}>
          <Readme text={readme} />
        </Section>
      )}
      {reviews.length === 0 ? null : (
        <Section heading={text.reviews}>
          <ul class="rows">
            {reviews.map(({ reviewer, decision, words }) => (
              <li class="row">
                <div class="row-main">
                  <p class="row-name">{`${reviewer}: ${text.decisions[decision]}`}</p>
                  <p class="row-notes">{words}</p>
                </div>
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Decision page={page} version={of} isClaimed={isClaimed} />
      {stateAfter(state, "revoke") === undefined ? null : <Revocation page={page} id={of.id} />}
    </AccessShell>
  );
}

function Changes({ page, difference }: { page: PageProps; difference: Difference }) {
  const { publishing: text } = page.strings;
  return (
    <Section heading={text.files}>
      {difference.manifest.length === 0 ? null : (
        <ul class="changes">
          {difference.manifest.map(({ field, before, after }) => (
            <li>
              <code>{field}</code>
              <del>{before}</del>
              <ins>{after}</ins>
            </li>
          ))}
        </ul>
      )}
      {difference.files.map(({ path, change, bytes, patch }) => (
        <details class="patch">
          <summary>
            <code>{path}</code> <span class="badge">{text.changes[change]}</span>{" "}
            <span class="muted">{format(text.bytes, { n: bytes })}</span>
          </summary>
          {patch === undefined ? (
            <p class="muted">{text.noPatch}</p>
          ) : (
            <pre tabindex={0}>
              <code>{patch}</code>
            </pre>
          )}
        </details>
      ))}
    </Section>
  );
}

function Decision({ page, version, isClaimed }: { page: PageProps; version: ShownVersion; isClaimed: boolean }) {
  const { publishing: text } = page.strings;
  const { id, state } = version;
  const open = (["approve", "reject", "release", "quarantine"] as const).filter(
    (decision) => stateAfter(state, decision) !== undefined,
  );
  if (open.length === 0 || state === "published") return null;
  if (!isClaimed) {
    return (
      <Section heading={text.decide} text={text.claimText}>
        <ActionButton request={`POST /api/market/desk/${id}/claim`} label={text.claimReview} />
      </Section>
    );
  }
  return (
    <Section heading={text.decide} text={text.decideText}>
      <form class="door-form" data-request={`POST /api/market/desk/${id}/decision`} data-then="/reviews">
        <div class="labelled">
          <Select id="decision" name="decision" label={text.decision}>
            {open.map((decision) => (
              <option value={decision}>{text.decisions[decision]}</option>
            ))}
          </Select>
        </div>
        <TextArea id="decision-words" name="words" label={text.decisionWords} rows={3} maxlength={4000} />
        <p class="actions">
          <Button type="submit" kind="primary" label={text.decide} />
        </p>
        <FormError />
      </form>
    </Section>
  );
}

function Revocation({ page, id }: { page: PageProps; id: string }) {
  const { publishing: text } = page.strings;
  return (
    <Section heading={text.revoke} text={text.revokeText}>
      <form
        class="door-form"
        data-request={`POST /api/market/desk/${id}/revoke`}
        data-ask={text.revokeAsk}
        data-then="/reviews"
      >
        <div class="labelled">
          <Select id="reason" name="reason" label={text.revokeReason}>
            {REVOCATION_REASONS.map((reason) => (
              <option value={reason}>{text.revokeReasons[reason]}</option>
            ))}
          </Select>
        </div>
        <TextArea id="revoke-words" name="words" label={text.decisionWords} rows={2} maxlength={500} required />
        <p class="actions">
          <Button type="submit" kind="bad" label={text.revoke} />
        </p>
        <FormError />
      </form>
    </Section>
  );
}
