/** Line icons on a 24-unit grid; they take the colour and size of the text around them. */
const PATHS = {
  plus: "M12 5v14M5 12h14",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h10v10H9zM5 15V5h10",
  again: "M19 12a7 7 0 1 1-2.1-5M19 4v4h-4",
  menu: "M4 7h16M4 12h16M4 17h10",
  close: "M6 6l12 12M18 6L6 18",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5",
  book: "M12 6.5C10 5 7.5 4.5 4.5 4.5v13c3 0 5.5.5 7.5 2 2-1.5 4.5-2 7.5-2v-13c-3 0-5.5.5-7.5 2zM12 6.5v13",
  leave: "M14 5H6v14h8M11 12h9M17 9l3 3-3 3",
  person: "M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM4.5 20a7.5 7.5 0 0 1 15 0",
  key: "M14.5 4.5a5 5 0 1 1-4.6 7L4 17.4V20h3v-2h2v-2h2l1.2-1.2a5 5 0 0 0 2.3-10.3zM15.5 8.5h.01",
  save: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  branch: "M7 4v16M7 13h4a6 6 0 0 0 6-6V4M14 7l3-3 3 3",
  list: "M5 7h14M5 12h14M5 17h8",
  sliders: "M4 8h8M16 8h4M14 6v4M4 16h4M12 16h8M10 14v4",
  globe:
    "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM4 12h16M12 4c2.5 2.3 3.5 5 3.5 8s-1 5.7-3.5 8c-2.5-2.3-3.5-5-3.5-8s1-5.7 3.5-8z",
  sun: "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6l1.4 1.4M17 17l1.4 1.4M5.6 18.4L7 17M17 7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
} as const;

export type IconName = keyof typeof PATHS;

/** A decorative icon: the control that holds it carries the label. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" data-icon={name} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The porch lamp on its arm. Its light follows `data-lit` of an element around it: "false" puts it out. */
export function Lamp() {
  return (
    <svg class="lamp" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path class="lamp-bulb" d="M15.5 19.5a3.5 3.5 0 0 0 7 0z" />
      <path class="lamp-shade" d="M10.5 19.5a8.5 8.5 0 0 1 17 0z" />
      <path d="M19 11v-1a5.25 5.25 0 0 0-10.5 0v5a2 2 0 0 1-2 2H5M5 13.5v7" />
    </svg>
  );
}
