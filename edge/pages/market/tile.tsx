import type { Icon } from "../../../shared/plugin/manifest.ts";

/** A plugin's picture: its icon, or its letter on a colour of its own, the same wherever it is shown. */
export function Tile({ name, title, icon }: { name: string; title: string; icon?: Icon | null | undefined }) {
  const hue = hueOf(name);
  const ground = icon?.colour ?? `hsl(${hue} 42% 36%)`;
  const light = icon ? "#fff" : `hsl(${(hue + 35) % 360} 62% 52%)`;
  return (
    <svg class="tile" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <rect width="48" height="48" fill={ground} />
      <circle cx="38" cy="9" r="15" fill={light} fill-opacity={icon ? "0.14" : "0.55"} />
      {icon ? (
        <path
          d={icon.path}
          transform="translate(9 9) scale(1.25)"
          fill="none"
          stroke="#fff"
          stroke-width="1.7"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
      ) : (
        <text x="24" y="32" text-anchor="middle" fill="#fff" font-size="22" font-weight="600">
          {Array.from(title.trim())[0]?.toUpperCase() ?? "?"}
        </text>
      )}
    </svg>
  );
}

/** FNV-1a, as a place on the colour circle. */
function hueOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % 360;
}
