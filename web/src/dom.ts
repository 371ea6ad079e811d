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

/** Hide a button; the focus, if it was there, goes to the first of its group. */
export function hide(button: HTMLButtonElement): void {
  const focused = document.activeElement === button;
  button.hidden = true;
  if (focused) button.parentElement?.querySelector<HTMLButtonElement>("button:not([hidden])")?.focus();
}

/** Make a row of buttons. */
export const row = (label: string, ...buttons: Node[]): HTMLElement =>
  make("div", { class: "in-page-buttons", role: "group", "aria-label": label }, ...buttons);

/** Make a button that can always be pressed. */
export const button = (label: string, does: () => void, extra = ""): HTMLButtonElement =>
  make("button", { type: "button", class: `in-page-button ${extra}`, onClick: does }, label);

/** Return why an address did not come, as a sentence. */
export async function whyNot(address: string | URL): Promise<string> {
  try {
    const { ok } = await fetch(address, { method: "HEAD", cache: "no-store" });
    if (!ok) return "this page was published anew since you opened it: reload it, your answers are kept";
  } catch {
    // no network
  }
  return "is the network there?";
}
