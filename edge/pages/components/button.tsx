import type { Child } from "hono/jsx";
import { Icon, type IconName } from "./icons.tsx";

type ButtonProps = {
  /** What it does, in words: shown, or read out when `iconOnly`. */
  label: string;
  icon?: IconName;
  iconOnly?: boolean;
  kind?: "primary" | "plain" | "quiet" | "bad";
  type?: "button" | "submit";
  /** The name a script finds it by. */
  part?: string;
  action?: string;
  hidden?: boolean;
  disabled?: boolean;
  /** What the script needs to know of the thing it acts on. */
  value?: string;
  controls?: string;
  expanded?: boolean;
  children?: Child;
};

export function Button({ label, icon, iconOnly = false, kind = "plain", type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      class={`button button-${kind}${iconOnly ? " button-icon" : ""}`}
      data-part={rest.part}
      data-action={rest.action}
      value={rest.value}
      hidden={rest.hidden}
      disabled={rest.disabled}
      aria-label={iconOnly ? label : undefined}
      title={iconOnly ? label : undefined}
      aria-controls={rest.controls}
      aria-expanded={rest.expanded === undefined ? undefined : String(rest.expanded)}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {iconOnly ? null : <span class="button-label">{label}</span>}
      {rest.children}
    </button>
  );
}

/** A link that looks like a button. */
export function ButtonLink(props: {
  href: string;
  label: string;
  icon?: IconName;
  kind?: "primary" | "plain" | "quiet";
}) {
  return (
    <a class={`button button-${props.kind ?? "plain"}`} href={props.href}>
      {props.icon === undefined ? null : <Icon name={props.icon} />}
      <span class="button-label">{props.label}</span>
    </a>
  );
}
