import { CodeBlock } from "../components/code-block.tsx";
import { Inline } from "../components/inline.tsx";
import type { Strings } from "../i18n/index.ts";
import { bodyExample, curlOf } from "./example.ts";
import { type OpenApiDocument, type Operation, type Parameter, resolve } from "./openapi.ts";
import { SchemaView, TypeText } from "./schema-view.tsx";

type OperationProps = {
  operation: Operation;
  document: OpenApiDocument;
  origin: string;
  strings: Strings["docs"];
  copyLabel: string;
};

/** Method and path, coloured by method; the word is always there too. */
export function RouteName({ operation }: { operation: Operation }) {
  return (
    <span class="route-name">
      <span class="method" data-method={operation.method}>
        {operation.method}
      </span>
      <code>{operation.path}</code>
    </span>
  );
}

/** One route: what it does and takes and answers, beside a call to copy. */
export function OperationView({ operation, document, origin, strings, copyLabel }: OperationProps) {
  return (
    <section class="operation" id={operation.anchor} aria-label={`${operation.method} ${operation.path}`}>
      <div class="operation-text">
        <h3>
          <a href={`#${operation.anchor}`}>
            <RouteName operation={operation} />
          </a>
          {operation.deprecated === true ? <span class="badge">{strings.deprecated}</span> : null}
        </h3>
        {operation.summary === undefined ? null : <p class="operation-summary">{operation.summary}</p>}
        {operation.description === undefined ? null : (
          <p>
            <Inline text={operation.description} />
          </p>
        )}
        <Parameters parameters={operation.parameters ?? []} strings={strings} />
        <RequestBody operation={operation} document={document} strings={strings} />
        <Responses operation={operation} document={document} strings={strings} copyLabel={copyLabel} />
      </div>
      <div class="operation-example">
        <CodeBlock language="curl" code={curlOf(operation, document, origin)} copyLabel={copyLabel} />
      </div>
    </section>
  );
}

function Parameters({ parameters, strings }: { parameters: Parameter[]; strings: Strings["docs"] }) {
  if (parameters.length === 0) return null;
  return (
    <>
      <h4>{strings.parameters}</h4>
      <ul class="fields">
        {parameters.map((parameter) => (
          <li>
            <p class="field-line">
              <code class="field-name">{parameter.name}</code>
              <span class="type">
                {parameter.in} <TypeText schema={parameter.schema ?? {}} />
              </span>
              {parameter.required === true ? <span class="badge">{strings.required}</span> : null}
            </p>
            {parameter.description === undefined ? null : <p class="field-notes">{parameter.description}</p>}
          </li>
        ))}
      </ul>
    </>
  );
}

function RequestBody({ operation, document, strings }: Omit<OperationProps, "origin" | "copyLabel">) {
  const contents = Object.entries(operation.requestBody?.content ?? {});
  return contents.map(([mediaType, content]) => (
    <>
      <h4>
        {strings.requestBody} <span class="media-type">{mediaType}</span>
      </h4>
      <SchemaView schema={resolve(content.schema ?? {}, document)} strings={strings} />
    </>
  ));
}

function Responses({ operation, document, strings, copyLabel }: Omit<OperationProps, "origin">) {
  return (
    <>
      <h4>{strings.responses}</h4>
      <ul class="responses">
        {Object.entries(operation.responses).map(([status, response]) => (
          <li>
            <details>
              <summary>
                <code class="response-status" data-class={status.slice(0, 1)}>
                  {status}
                </code>
                <span>
                  {response.description.split("\n\n").map((line) => (
                    <span class="response-line">
                      <Inline text={line} />
                    </span>
                  ))}
                </span>
              </summary>
              <ResponseBody content={response.content} document={document} strings={strings} copyLabel={copyLabel} />
            </details>
          </li>
        ))}
      </ul>
    </>
  );
}

type ResponseBodyProps = Omit<OperationProps, "origin" | "operation"> & {
  content: Operation["responses"][string]["content"];
};

function ResponseBody({ content, document, strings, copyLabel }: ResponseBodyProps) {
  const entries = Object.entries(content ?? {});
  if (entries.length === 0) return <p class="muted">{strings.noBody}</p>;
  const example = bodyExample(content, document);
  return (
    <>
      {entries.map(([mediaType, body]) => (
        <>
          <p class="media-type">{mediaType}</p>
          <SchemaView schema={body.schema ?? {}} strings={strings} />
        </>
      ))}
      {example === undefined ? null : (
        <CodeBlock language="json" code={JSON.stringify(example, null, 2)} copyLabel={copyLabel} />
      )}
    </>
  );
}
