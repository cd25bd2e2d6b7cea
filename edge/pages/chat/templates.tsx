import { Button } from "../components/button.tsx";
import { CodeBlock } from "../components/code-block.tsx";
import { Message } from "../components/message.tsx";
import type { Strings } from "../i18n/index.ts";

/** The markup that the script clones, so that every component is written once, here on the server. */
export function Templates({ strings }: { strings: Strings["chat"] }) {
  return (
    <>
      <template id="template-user">
        <Message role="user" strings={strings} />
      </template>
      <template id="template-assistant">
        <Message role="assistant" strings={strings} />
      </template>
      <template id="template-code-block">
        <CodeBlock copyLabel={strings.copyCode} />
      </template>
      <template id="template-window-mark">
        <p class="window-mark">
          <span>{strings.windowMark}</span>
        </p>
      </template>
      <template id="template-conversation">
        <li class="conversation">
          <button type="button" class="conversation-open" data-action="open-conversation">
            <span data-part="conversation-title" />
          </button>
          <Button kind="quiet" icon="trash" iconOnly label={strings.delete} action="delete-conversation" />
        </li>
      </template>
      <template id="template-found">
        <li class="conversation">
          <button type="button" class="conversation-open" data-part="found-open" data-action="open-found">
            <span data-part="found-title" />
            <span class="found-text" data-part="found-text" />
          </button>
        </li>
      </template>
      <template id="template-call">
        <li class="call">
          <details>
            <summary data-part="call-name" />
            <pre data-part="call-arguments" tabindex={0} />
            <pre data-part="call-result" tabindex={0} />
          </details>
        </li>
      </template>
      <template id="template-approval">
        <li class="approval" role="alertdialog" aria-label={strings.approval}>
          <p data-part="approval-text" />
          <pre data-part="approval-arguments" tabindex={0} />
          <p class="muted">{strings.approvalText}</p>
          <div class="approval-foot">
            <Button label={strings.deny} part="deny" action="deny-call" />
            <Button kind="primary" label={strings.allow} action="allow-call" />
          </div>
        </li>
      </template>
      <template id="template-toast">
        <div class="toast">
          <span data-part="toast-text" />
          <Button kind="quiet" label={strings.undo} action="toast-undo" />
          <Button kind="quiet" icon="close" iconOnly label={strings.dismiss} action="toast-close" />
        </div>
      </template>
    </>
  );
}
