import { Button } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { Notice } from "../components/notice.tsx";
import type { Strings } from "../i18n/index.ts";

/** Where one writes, with what is worth knowing while writing. */
export function Composer({ strings }: { strings: Strings["chat"] }) {
  return (
    <section class="composer-frame" aria-label={strings.writing}>
      <div class="jump">
        <Button icon="down" iconOnly label={strings.jumpToEnd} part="jump" action="jump" hidden />
      </div>
      <Notice part="offline" hidden>
        <p>
          <strong>{strings.offlineTitle}</strong> {strings.offlineText}
        </p>
        <Command code="porchlight up" copyLabel={strings.copyCode} />
      </Notice>
      <form class="composer" data-part="composer">
        <label class="visually-hidden" for="prompt">
          {strings.composer}
        </label>
        <textarea
          id="prompt"
          data-part="prompt"
          rows={1}
          placeholder={strings.placeholder}
          aria-describedby="composer-keys"
          autocomplete="off"
          enterkeyhint="send"
        />
        <Button kind="primary" type="submit" icon="up" iconOnly label={strings.send} part="send" disabled />
        <Button kind="primary" icon="stop" iconOnly label={strings.stop} part="stop" action="stop" hidden />
      </form>
      <p class="composer-note">
        <span data-part="window-note" />
        <span class="visually-hidden" id="composer-keys">
          {strings.keys}
        </span>
      </p>
    </section>
  );
}
