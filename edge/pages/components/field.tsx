import type { Child } from "hono/jsx";

type FieldProps = {
  id: string;
  label: string;
  name?: string;
  type?: "text" | "password" | "email" | "number" | "time";
  maxlength?: number;
  min?: number;
  max?: number;
  value?: string;
  hint?: string;
  error?: string;
  required?: boolean;
  autocomplete?: string;
  /** Id of a datalist. */
  list?: string;
};

/** One labelled input with its hint and error, tied together for assistive technology. */
export function Field({ id, label, hint, error, name = id, type = "text", ...rest }: FieldProps) {
  const notes = [hint === undefined ? "" : `${id}-hint`, error === undefined ? "" : `${id}-error`].join(" ").trim();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        value={rest.value}
        maxlength={rest.maxlength}
        min={rest.min}
        max={rest.max}
        required={rest.required}
        autocomplete={rest.autocomplete}
        list={rest.list}
        aria-invalid={error === undefined ? undefined : "true"}
        aria-describedby={notes === "" ? undefined : notes}
      />
      {hint === undefined ? null : (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error === undefined ? null : (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

type TextAreaProps = {
  id: string;
  label: string;
  name?: string;
  required?: boolean;
  rows?: number;
  maxlength?: number;
  value?: string;
};

/** Labelled room for several lines. */
export function TextArea({ id, label, name = id, rows = 4, value = "", ...rest }: TextAreaProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea id={id} name={name} rows={rows} required={rest.required} maxlength={rest.maxlength}>
        {value}
      </textarea>
    </div>
  );
}

/** A native select with its label; `quietLabel` keeps the label for assistive technology alone. */
export function Select(props: {
  id: string;
  label: string;
  name?: string;
  quietLabel?: boolean;
  part?: string;
  children?: Child;
}) {
  return (
    <div class="select">
      <label for={props.id} class={props.quietLabel === true ? "visually-hidden" : undefined}>
        {props.label}
      </label>
      <select id={props.id} name={props.name} data-part={props.part}>
        {props.children}
      </select>
    </div>
  );
}
