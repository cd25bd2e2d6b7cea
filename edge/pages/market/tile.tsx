/** A plugin's picture: its letter on a colour of its own, the same wherever it is shown. */
export function Tile({ name, title }: { name: string; title: string }) {
  const hue = hueOf(name);
  const letter = Array.from(title.trim())[0]?.toUpperCase() ?? "?";
  return (
    <svg class="tile" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <rect width="48" height="48" fill={`hsl(${hue} 42% 36%)`} />
      <circle cx="38" cy="9" r="15" fill={`hsl(${(hue + 35) % 360} 62% 52%)`} fill-opacity="0.55" />
      <text x="24" y="32" text-anchor="middle" fill="#fff" font-size="22" font-weight="600">
        {letter}
      </text>
    </svg>
  );
}

/** FNV-1a, as a place on the colour circle. */
function hueOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % 360;
}
