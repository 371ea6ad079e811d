/** The page's elements, made and found. */

type Properties = Record<string, string | boolean | number | (() => void) | undefined>;

/** Make an element: properties that are functions listen to clicks, `class` and `aria-*` are attributes. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener("click", value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== undefined && value !== false) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/** Return the element that the build made of a notebook's cell. */
export const place = (cell: string): HTMLElement | null => document.getElementById(`cell-${cell}`);

/** Return the heading of the section that holds an element. */
export const headingOf = (element: HTMLElement | null): HTMLElement | null =>
  element?.closest("section")?.querySelector<HTMLElement>(":scope > h1, :scope > h2, :scope > h3") ?? null;
