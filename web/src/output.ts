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
      return make("img", {
        src: `data:image/png;base64,${item.data}`,
        alt,
      });
    case "text":
      return make("pre", { tabindex: 0 }, item.text);
    case "trouble":
      return make("pre", { class: "in-page-trouble", tabindex: 0 }, item.text);
    case "note":
      return make("p", {}, item.text);
  }
}

/**
 * Return HTML as nodes, without what could act.
 *
 * It is normcourse's own, which escapes what an answer says; but an answer may have changed normcourse, and a
 * notebook that is brought along may be anybody's. Links to notebooks become links to their pages.
 */
function clean(html: string): Node {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const acting of body.querySelectorAll("script, iframe, object, embed, base, meta, link, form")) {
    acting.remove();
  }
  for (const one of body.querySelectorAll("*")) {
    for (const { name, value } of [...one.attributes]) {
      const acts = name.startsWith("on") || /^\s*(javascript|data|vbscript):/i.test(value);
      const picture = one.tagName === "IMG" && value.startsWith("data:image/"); // in which no script runs
      if (acts && !picture) one.removeAttribute(name);
    }
  }
  // The built page has the same record, by the same id.
  for (const one of body.querySelectorAll("div[id]")) one.removeAttribute("id");
  for (const link of body.querySelectorAll<HTMLAnchorElement>("a[href$='.ipynb']")) {
    link.setAttribute("href", (link.getAttribute("href") ?? "").replace(/\.ipynb$/, ".html"));
  }
  const holder = document.createDocumentFragment();
  holder.append(...body.childNodes);
  return holder;
}
