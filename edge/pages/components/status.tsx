/** A coloured dot with its word; the colour never stands alone. `state` is one of on, off, wait. */
export function Status({
  label,
  state = "wait",
  part,
}: {
  label: string;
  state?: "on" | "off" | "wait";
  part?: string;
}) {
  return (
    <p class="status" data-part={part} data-state={state} role="status">
      <span class="status-dot" aria-hidden="true" />
      <span data-part="status-label">{label}</span>
    </p>
  );
}
