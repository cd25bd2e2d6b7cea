import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { Button } from "../components/button.tsx";
import { Field, Select, TextArea } from "../components/field.tsx";
import type { Strings } from "../i18n/index.ts";

type Props = { strings: Strings["chat"] };

/** How the conversation is called and held. The script fills and reads it. */
export function SettingsDialog({ strings }: Props) {
  return (
    <dialog class="dialog" data-part="settings" aria-labelledby="settings-heading">
      <form class="dialog-form" method="dialog" data-part="settings-form">
        <h2 id="settings-heading">{strings.settings}</h2>
        <Field
          id="settings-title"
          name="title"
          label={strings.settingsName}
          maxlength={SESSION_LIMITS.titleCharacters}
        />
        <Field
          id="settings-window"
          name="window"
          type="number"
          min={1}
          max={SESSION_LIMITS.windowTurns}
          label={strings.settingsWindow}
          hint={strings.settingsWindowHint}
        />
        <Choice name="summary" label={strings.settingsSummary} on="auto" strings={strings} />
        <Choice name="retrieval" label={strings.settingsRetrieval} on="auto" strings={strings} />
        <Choice name="memory" label={strings.settingsMemory} on="on" strings={strings} />
        <Select id="settings-plugins" name="plugins" label={strings.settingsPlugins}>
          <option value="">{strings.pluginsAll}</option>
          <option value="off">{strings.pluginsNone}</option>
        </Select>
        <Select id="settings-knowledge" name="knowledge" label={strings.settingsKnowledge}>
          <option value="">{strings.knowledgeOff}</option>
          <option value="on">{strings.knowledgeOn}</option>
        </Select>
        <Select id="settings-approval" name="approval" label={strings.settingsApproval}>
          <option value="">{strings.approvalTainted}</option>
          <option value="always">{strings.approvalAlways}</option>
          <option value="never">{strings.approvalNever}</option>
        </Select>
        <TextArea
          id="settings-instructions"
          name="instructions"
          rows={3}
          label={strings.settingsInstructions}
          maxlength={SESSION_LIMITS.instructionCharacters}
        />
        <p class="dialog-links" data-part="downloads">
          {strings.download}: <a data-format="markdown">Markdown</a> <a data-format="json">JSON</a>
        </p>
        <div class="dialog-foot">
          <Button label={strings.cancel} action="close-dialog" />
          <Button kind="primary" type="submit" label={strings.save} />
        </div>
      </form>
    </dialog>
  );
}

function Choice({ name, label, on, strings }: Props & { name: string; label: string; on: string }) {
  return (
    <Select id={`settings-${name}`} name={name} label={label}>
      <option value="">{strings.asEverywhere}</option>
      <option value={on}>{strings.sent}</option>
      <option value="off">{strings.notSent}</option>
    </Select>
  );
}

/** What was sent to the model for an answer. */
export function TraceDialog({ strings }: Props) {
  return (
    <dialog class="dialog" data-part="trace" aria-labelledby="trace-heading">
      <h2 id="trace-heading">{strings.trace}</h2>
      <dl class="trace" data-part="trace-items" tabindex={0} />
      <div class="dialog-foot">
        <Button label={strings.close} action="close-dialog" />
      </div>
    </dialog>
  );
}
