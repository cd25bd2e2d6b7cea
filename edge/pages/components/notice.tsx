import type { Child } from "hono/jsx";
import { Icon, type IconName } from "./icons.tsx";

type NoticeProps = {
  tone?: "plain" | "bad";
  icon?: IconName;
  part?: string;
  hidden?: boolean;
  /** `alert` interrupts a screen reader, `status` waits. */
  role?: "alert" | "status";
  children?: Child;
};

/** A framed sentence with a way out: an error with its retry, an offline hint with its command. */
export function Notice({ tone = "plain", icon, part, hidden, role, children }: NoticeProps) {
  return (
    <div class={`notice notice-${tone}`} data-part={part} hidden={hidden} role={role}>
      {icon === undefined ? null : <Icon name={icon} />}
      <div class="notice-body">{children}</div>
    </div>
  );
}
