import { Button } from "./button.tsx";

type CodeBlockProps = {
  code?: string;
  /** Shown in the bar above the code, such as "bash". */
  language?: string;
  copyLabel: string;
};

/** Code with a bar that names its language and copies it. Without a script the button is not shown. */
export function CodeBlock({ code = "", language = "", copyLabel }: CodeBlockProps) {
  return (
    <figure class="code-block" data-part="code-block">
      <figcaption class="code-bar">
        <span data-part="language">{language}</span>
        <Button kind="quiet" icon="copy" iconOnly label={copyLabel} action="copy-code" />
      </figcaption>
      <pre tabindex={0}>
        <code data-part="code">{code}</code>
      </pre>
    </figure>
  );
}

/** One command on one line, to copy. */
export function Command({ code, copyLabel }: { code: string; copyLabel: string }) {
  return (
    <div class="command" data-part="code-block">
      <code>{code}</code>
      <Button kind="quiet" icon="copy" iconOnly label={copyLabel} action="copy-code" />
    </div>
  );
}
