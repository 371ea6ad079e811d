/** What a page with exercises loads at once: the points that are kept, and the button that loads the rest. */

import { make, place } from "./dom";
import { type Manifest, manifest } from "./manifest";
import { showPoints } from "./points";
import { browserStorage, Store } from "./store";

const page = manifest();
if (page) {
  const store = new Store(browserStorage());
  showPoints(page, store);
  window.addEventListener("storage", () => showPoints(page, store));
  if (page.tasks.length > 0) offer(page, store);
}

/** Put the button, or the reason why there is none, above the first task. */
function offer(page: Manifest, store: Store): void {
  const bar = make("div", { class: "in-page-bar", role: "region", "aria-label": "Exercises in the page" });
  const first = page.tasks[0];
  const section = page.kind === "page" && first ? place(`answer-${first.cell}`)?.closest("section") : null;
  (section ?? document).querySelector(section ? "h2" : "article h1")?.after(bar);
  if (page.python === null) {
    bar.append(make("p", {}, "In this build of the book Python does not run in the page. ", elsewhere(page)));
    return;
  }
  if (window.location.protocol === "file:") {
    bar.append(make("p", {}, "In a page that was opened as a file, Python cannot run. ", elsewhere(page)));
    return;
  }
  const kept = page.tasks.filter((task) => store.answer(page.name, task.cell)).length;
  const label = kept > 0 ? "Go on with the exercises here" : "Do the exercises on this page";
  const start = make("button", { type: "button", class: "in-page-button in-page-main" }, label);
  const size = ((page.python.sent.exercises ?? 0) / 1e6).toFixed(1);
  const answers = kept > 0 ? `${kept} answer${kept > 1 ? "s are" : " is"} kept in this browser. ` : "";
  const note = make(
    "p",
    { class: "in-page-note" },
    `${answers}Python runs in the page: ${size} MB are loaded once, and nothing that you write leaves your computer.`,
  );
  bar.append(start, note);
  start.addEventListener("click", async () => {
    start.setAttribute("aria-disabled", "true");
    try {
      const { begin } = await import(new URL(page.base + page.cells, window.location.href).href);
      begin(page, bar);
    } catch {
      start.removeAttribute("aria-disabled");
      note.textContent = "The editor did not come. Is the network there? Press the button to try again.";
    }
  });
}

function elsewhere(page: Manifest): Node {
  const link = make("a", { href: page.notebook, download: "" }, "Download the notebook");
  return make("span", {}, link, " and do the exercises in JupyterLab.");
}
