import type { PageProps } from "../page-props.ts";

/** Of a description, so that one tool does not push the others off the page. */
const SHOWN_CHARACTERS = 160;

/** Tools by their names, with what each may do and says of itself. */
export function ToolList(props: {
  page: PageProps;
  tools: readonly { name: string; description: string; effect: "read" | "write" }[];
}) {
  const { oauth: text } = props.page.strings;
  return (
    <ul class="permissions">
      {props.tools.map(({ name, description, effect }) => (
        <li data-risk={effect === "write" ? "high" : "low"}>
          <span>
            <code>{name}</code> {effect === "write" ? text.changes : text.reads}
            <br />
            <span class="muted">{shortened(description)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function shortened(words: string): string {
  const [line = ""] = words.trim().split("\n");
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS).toWellFormed()}…` : line;
}
