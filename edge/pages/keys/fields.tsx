import { SCOPES } from "../../access/scopes.ts";
import type { Key } from "../../routes/key-schema.ts";
import { Field, Select } from "../components/field.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

const LIFETIMES_DAYS = [30, 90, 365];
const PRIORITIES = ["low", "normal", "high"] as const;

/** Name, scopes and end of a new key: they stay as they are. */
export function NewKeyFields({ page }: { page: PageProps }) {
  const { keys: text } = page.strings;
  return (
    <>
      <Field id="name" label={text.name} hint={text.nameHint} maxlength={64} autocomplete="off" required />
      <fieldset class="checks">
        <legend>{text.scopes}</legend>
        {SCOPES.map((scope) => (
          <label>
            <input type="checkbox" name={`scope ${scope}`} checked={scope === "inference"} />
            <span>
              {text.scopeTexts[scope]} <code class="muted">{scope}</code>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="labelled">
        <Select id="expires" name="expires" label={text.expires}>
          <option value="">{text.never}</option>
          {LIFETIMES_DAYS.map((n) => (
            <option value={String(n)}>{format(text.inDays, { n })}</option>
          ))}
        </Select>
      </div>
    </>
  );
}

/** Models, limits and priority: what may be changed later, too. `id` makes the fields' ids differ. */
export function LimitFields({ page, id, of: key }: { page: PageProps; id: string; of?: Key }) {
  const { keys: text } = page.strings;
  const limits = [
    ["requestsPerMinute", text.requests],
    ["tokensPerDay", text.tokens],
    ["nodeSecondsPerDay", text.nodeSeconds],
  ] as const;
  return (
    <>
      <Field
        id={`models-${id}`}
        name="models"
        label={text.models}
        hint={text.modelsHint}
        autocomplete="off"
        value={key?.models?.join(", ") ?? ""}
      />
      <div class="field-row">
        {limits.map(([name, label]) => (
          <Field id={`${name}-${id}`} name={name} type="number" label={label} value={String(key?.limits[name] ?? "")} />
        ))}
      </div>
      <p class="field-hint">{text.limitsHint}</p>
      <div class="labelled">
        <Select id={`priority-${id}`} name="priority" label={text.priority}>
          {PRIORITIES.map((priority) => (
            <option value={priority} selected={priority === (key?.priority ?? "normal")}>
              {text.priorities[priority]}
            </option>
          ))}
        </Select>
      </div>
    </>
  );
}
