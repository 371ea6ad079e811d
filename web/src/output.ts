/** What Python sent back, as elements of the page. */

import { make } from "./dom";
import type { Item } from "./python";

/** Put some items into a box, in place of what it holds; `alt` says what a figure shows. */
export function show(
  box: HTMLElement,
  items: readonly Item[],
  alt = "The figure that the code draws.",
): void {
  box.replaceChildren(...items.map((item) => element(item, alt)));
}

function element(item: Item, alt: string): Node {
  switch (item.kind) {
    case "html":
      return clean(item.html);
    case "figure":
      return make("img", { src: `data:image/png;base64,${item.data}`, alt });
    case "text":
      return make("pre", { tabindex: 0 }, item.text);
    case "trouble":
      return make("pre", { class: "in-page-trouble", tabindex: 0 }, item.text);
    case "note":
      return make("p", {}, item.text);
  }
}

const TAGS = new Set(
  "A B BR CODE DIV EM I IMG LI OL P PRE PROGRESS SMALL SPAN STRONG SUB SUP TABLE TBODY TD TH THEAD TR UL".split(
    " ",
  ),
);
const ATTRIBUTES = new Set(
  "alt aria-label class colspan height href max role rowspan scope src style tabindex title value width".split(
    " ",
  ),
);

/**
 * Return HTML as nodes, with nothing that could act.
 *
 * It is normcourse's own, which escapes what an answer says; but an answer may have changed normcourse, and a
 * notebook that is brought along may be anybody's. Links to notebooks become links to their pages. Ids go, as
 * the built page has the same record by the same id.
 */
function clean(html: string): Node {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const one of [...body.querySelectorAll("*")]) {
    if (!TAGS.has(one.tagName)) one.remove();
    for (const { name, value } of [...one.attributes]) {
      if (!ATTRIBUTES.has(name) || !isHarmless(one, name, value)) one.removeAttribute(name);
    }
  }
  for (const link of body.querySelectorAll("a[href$='.ipynb']")) {
    link.setAttribute("href", (link.getAttribute("href") ?? "").replace(/\.ipynb$/, ".html"));
  }
  const holder = document.createDocumentFragment();
  holder.append(...body.childNodes);
  return holder;
}

function isHarmless(element: Element, name: string, value: string): boolean {
  if (name === "style") return !value.includes("url(");
  if (name !== "href" && name !== "src") return true;
  if (element.tagName === "IMG") return value.startsWith("data:image/"); // in which no script runs
  return (
    URL.canParse(value, window.location.href) &&
    /^https?:$/.test(new URL(value, window.location.href).protocol)
  );
}
