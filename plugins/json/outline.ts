const MOST_LINES = 80;
const MOST_DEPTH = 8;
const MOST_EXAMPLE = 40;
/** How many items of an array are looked at for what they are like. */
const SAMPLE = 200;

interface Shape {
  path: string;
  types: Map<string, number>;
  example?: string;
}

/** How a value is built: each path once, with types and an example; `[]` are an array's items. */
export function outline(value: unknown): { lines: string[]; truncated: boolean } {
  const shapes = new Map<string, Shape>();
  const isWhole = walk(shapes, "", value, 0);
  const lines = [...shapes.values()].map(({ path, types, example }) => {
    const kinds = [...types.keys()].join(" or ");
    return `${path === "" ? "(root)" : path}: ${kinds}${example === undefined ? "" : `, e.g. ${example}`}`;
  });
  return { lines: lines.slice(0, MOST_LINES), truncated: !isWhole || lines.length > MOST_LINES };
}

function walk(shapes: Map<string, Shape>, path: string, value: unknown, depth: number): boolean {
  const shape = shapes.get(path) ?? { path, types: new Map<string, number>() };
  if (!shapes.has(path) && shapes.size > MOST_LINES) return false;
  shapes.set(path, shape);
  const type = typeOf(value);
  shape.types.set(type, (shape.types.get(type) ?? 0) + 1);
  if (typeof value !== "object" || value === null) {
    const text = JSON.stringify(value) ?? "";
    shape.example ??= text.length > MOST_EXAMPLE ? `${text.slice(0, MOST_EXAMPLE)}…` : text;
    return true;
  }
  if (depth === MOST_DEPTH) return false;
  if (Array.isArray(value)) {
    const whole = value.slice(0, SAMPLE).map((item) => walk(shapes, `${path}[]`, item, depth + 1));
    return whole.every(Boolean) && value.length <= SAMPLE;
  }
  const whole = Object.entries(value).map(([name, member]) => walk(shapes, memberPath(path, name), member, depth + 1));
  return whole.every(Boolean);
}

function memberPath(path: string, name: string): string {
  const written = /^[a-z_]\w*$/i.test(name) ? name : `\`${name.slice(0, 100)}\``;
  return path === "" ? written : `${path}.${written}`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `array of ${value.length}`;
  return typeof value;
}
