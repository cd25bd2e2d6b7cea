import type { DeviceAuthorization } from "../../store/device-authorizations.ts";
import { AccessShell, ActionButton, FormError, Moment } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Field } from "../components/field.tsx";
import { Inline } from "../components/inline.tsx";
import type { PageProps } from "../page-props.ts";
import { connectCommand } from "./agents.tsx";

/** Where the owner types in what a machine shows. */
export function DevicePage({ page, userCode }: { page: PageProps; userCode: string }) {
  const { device: text } = page.strings;
  return (
    <AccessShell page={page} title={text.title} layout="door">
      <EmptyState level={1} heading={text.heading}>
        <p class="muted">
          <Inline text={text.text} />
        </p>
      </EmptyState>
      <form class="door-form" data-flow="device">
        <Field
          id="user-code"
          name="userCode"
          label={text.code}
          hint={text.codeHint}
          value={userCode}
          maxlength={32}
          autocomplete="off"
          required
        />
        <Button type="submit" kind="primary" label={text.find} />
        <FormError />
      </form>
    </AccessShell>
  );
}

/** Who knocks, and the owner's yes or no; afterwards what was decided. */
export function DeviceDecisionPage(props: {
  page: PageProps;
  device: (DeviceAuthorization & { fingerprint: string }) | undefined;
}) {
  const { page, device } = props;
  const { device: text } = page.strings;
  if (device?.state !== "pending") {
    const [heading, words] =
      device?.state === "approved"
        ? [text.approved, text.approvedText]
        : device?.state === "denied"
          ? [text.denied, ""]
          : [text.gone, text.goneText];
    return (
      <AccessShell page={page} title={text.title} layout="door">
        <EmptyState level={1} heading={heading}>
          <p class="muted">
            <Inline text={words} />
          </p>
          <p>
            <ButtonLink href="/agents" kind="primary" label={text.toList} />
          </p>
        </EmptyState>
      </AccessShell>
    );
  }
  const path = `POST /api/device-authorizations/${device.id}`;
  return (
    <AccessShell page={page} title={text.title} layout="door">
      <h1 class="display">{text.question}</h1>
      <dl class="knock-facts">
        <dt>{text.machine}</dt>
        <dd>{device.name}</dd>
        <dt>{text.system}</dt>
        <dd>{device.system}</dd>
        <dt>{text.address}</dt>
        <dd>{device.address === "" ? text.here : device.address}</dd>
        <dt>{text.fingerprint}</dt>
        <dd>
          <code>{device.fingerprint}</code>
        </dd>
        <dt>{text.asked}</dt>
        <dd>
          <Moment page={page} timeMs={device.createdAt} template={text.askedAt} />
        </dd>
      </dl>
      <p>{text.check}</p>
      <div class="actions">
        <form data-request={`${path}/approve`}>
          <Button type="submit" kind="primary" label={text.approve} />
          <FormError />
        </form>
        <ActionButton request={`${path}/deny`} label={text.deny} />
      </div>
    </AccessShell>
  );
}

/** What a pairing link says to a browser: it is a command's argument. */
export function PairingLinkPage({ page, link }: { page: PageProps; link: string }) {
  const { pairingLink: text, chat } = page.strings;
  return (
    <AccessShell page={page} title={text.title} layout="door">
      <EmptyState level={1} heading={text.heading} text={text.text} />
      <Command code={connectCommand(link)} copyLabel={chat.copy} />
    </AccessShell>
  );
}
