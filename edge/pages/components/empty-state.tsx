import type { Child } from "hono/jsx";
import { Lamp } from "./icons.tsx";

/** What stands where nothing is yet: the lamp, a heading, a line, and what one could do. */
export function EmptyState(props: { heading: string; text?: string; part?: string; level?: 1 | 2; children?: Child }) {
  const Heading = props.level === 1 ? "h1" : "h2";
  return (
    <div class="empty-state" data-part={props.part}>
      <Lamp />
      <Heading class="display">{props.heading}</Heading>
      {props.text === undefined ? null : <p class="muted">{props.text}</p>}
      {props.children}
    </div>
  );
}
