import type { Child } from "hono/jsx";
import { Inline } from "../components/inline.tsx";
import { format } from "../i18n/format.ts";
import type { Strings } from "../i18n/index.ts";
import { refName, type Schema } from "./openapi.ts";

type DocsStrings = Strings["docs"];

/** Nested objects are opened this deep; deeper ones are named only. */
const MAX_DEPTH = 4;

/** A schema's type in a few words, with links to named schemas: `array of Message`, `"auto" | "none"`, `string or null`. */
export function TypeText({ schema }: { schema: Schema }): Child {
  const name = refName(schema);
  if (name !== undefined) return <a href={`#schema-${name}`}>{name}</a>;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (options !== undefined) {
    return options.map((option, index) => (
      <>
        {index === 0 ? "" : " | "}
        <TypeText schema={option} />
      </>
    ));
  }
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? "any"];
  const nullable = schema.nullable === true || types.includes("null") ? " | null" : "";
  const base = types.filter((type) => type !== "null").join(" | ") || "null";
  if (base === "array" && schema.items !== undefined) {
    return (
      <>
        array&lt;
        <TypeText schema={schema.items} />
        &gt;{nullable}
      </>
    );
  }
  return `${base}${base === "null" ? "" : nullable}${rangeText(schema)}`;
}

function rangeText(schema: Schema): string {
  const low = schema.minimum ?? schema.minLength ?? schema.minItems;
  const high = schema.maximum ?? schema.maxLength ?? schema.maxItems;
  if (high !== undefined && Math.abs(high) < Number.MAX_SAFE_INTEGER) return ` (${low ?? 0}–${high})`;
  return low !== undefined && low > 0 ? ` (≥ ${low})` : "";
}

/** The objects directly inside a schema that have fields of their own to show. */
function innerObjects(schema: Schema): Schema[] {
  const candidates = [schema, schema.items, ...(schema.oneOf ?? schema.anyOf ?? schema.allOf ?? [])];
  return candidates.filter((inner): inner is Schema => Object.keys(inner?.properties ?? {}).length > 0);
}

/** The fields of an object schema as a list; objects inside it nest. */
export function SchemaView(props: { schema: Schema; strings: DocsStrings; depth?: number }): Child {
  const { schema, strings, depth = 0 } = props;
  const objects = innerObjects(schema);
  if (objects.length === 0 || depth > MAX_DEPTH) {
    return depth > 0 ? null : (
      <p class="type">
        <TypeText schema={schema} />
      </p>
    );
  }
  return objects.map((object, index) => (
    <>
      {objects.length > 1 && index > 0 ? <p class="muted field-or">{strings.anyOf}</p> : null}
      <FieldList object={object} strings={strings} depth={depth} />
    </>
  ));
}

function FieldList({ object, strings, depth }: { object: Schema; strings: DocsStrings; depth: number }) {
  return (
    <ul class="fields">
      {Object.entries(object.properties ?? {}).map(([name, field]) => (
        <li>
          <p class="field-line">
            <code class="field-name">{name}</code>
            <span class="type">
              <TypeText schema={field} />
            </span>
            {object.required?.includes(name) === true ? <span class="badge">{strings.required}</span> : null}
          </p>
          <FieldNotes field={field} strings={strings} />
          <SchemaView schema={field} strings={strings} depth={depth + 1} />
        </li>
      ))}
    </ul>
  );
}

function FieldNotes({ field, strings }: { field: Schema; strings: DocsStrings }) {
  const fallback =
    field.default === undefined ? "" : format(strings.defaultValue, { value: JSON.stringify(field.default) });
  if (field.description === undefined && fallback === "") return null;
  return (
    <p class="field-notes">
      <Inline text={[field.description ?? "", fallback].join(" ").trim()} />
    </p>
  );
}
