/** What a page with exercises loads at once: the points that are kept, and the buttons that load the rest. */

import type * as Cells from "./cells";
import { make, place, whyNot } from "./dom";
import { type Manifest, manifest } from "./manifest";
import { showPoints } from "./points";
import { browserStorage, Store } from "./store";

/** A bar with a button that begins something. */
interface Offer {
  /** What a screen reader calls the bar. */
  name: string;
  label: string;
  note: string;
  /** What a reader does where Python cannot run. */
  instead: string;
  begin: keyof typeof Cells;
  /** What the bar goes below; null for the page's title. */
  after: Element | null;
}

const page = manifest();
if (page) {
  const store = new Store(browserStorage());
  showPoints(page, store);
  window.addEventListener("storage", () => showPoints(page, store));
  const load = loader(new URL(page.base + page.cells, window.location.href));
  if (page.runnable.length > 0) put(page, store, load, code(page));
  if (page.tasks.length > 0) put(page, store, load, tasks(page, store));
}

function tasks(page: Manifest, store: Store): Offer {
  const kept = page.tasks.filter((task) => store.answer(page.name, task.cell)).length;
  const answers = kept > 0 ? `${kept} answer${kept > 1 ? "s are" : " is"} kept in this browser. ` : "";
  const section = place(`answer-${page.tasks[0]?.cell}`)?.closest("section");
  return {
    name: "The exercises, done here",
    label: kept > 0 ? "Go on with the exercises here" : "Do the exercises on this page",
    note: `${answers}Python runs in the page: ${size(page, "exercises")} are loaded once, and nothing that you write leaves your computer.`,
    instead: "do the exercises in JupyterLab",
    begin: "beginTasks",
    after: page.kind === "page" ? (section?.querySelector("h2") ?? null) : null,
  };
}

function code(page: Manifest): Offer {
  return {
    name: "The code, run here",
    label: "Run the code of this page here",
    note: `You can change it, too; what stands above a cell runs first. Python runs in the page: ${size(page, "exercises", "figures")} are loaded once.`,
    instead: "run the code in JupyterLab",
    begin: "beginCode",
    after: null,
  };
}

/** Return how much is loaded for some groups of files. */
function size(page: Manifest, ...groups: string[]): string {
  const bytes = groups.reduce((sum, group) => sum + (page.python?.sent[group] ?? 0), 0);
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Return a function that imports the editors. What failed once is asked for by another address. */
function loader(address: URL): () => Promise<typeof Cells> {
  return async () => {
    try {
      return await import(address.href);
    } catch {
      const why = await whyNot(address);
      address.searchParams.append("again", "");
      throw new Error(why);
    }
  };
}

/** Return the bar that the build left room for, below the title, or a new one where the offer belongs. */
function barOf({ name, after }: Offer): HTMLElement {
  const free = document.querySelector<HTMLElement>("#in-page-bar:empty");
  const bar = after === null && free ? free : make("div", { class: "in-page-bar" });
  bar.setAttribute("role", "region");
  bar.setAttribute("aria-label", name);
  after?.after(bar);
  return bar;
}

/** Put a bar with the button, or with the reason why there is none. */
function put(page: Manifest, store: Store, load: () => Promise<typeof Cells>, offer: Offer): void {
  const bar = barOf(offer);
  const why = hindrance(page);
  if (why) {
    const link = make("a", { href: page.notebook, download: "" }, "Download the notebook");
    bar.append(make("p", {}, `${why} `, link, ` and ${offer.instead}.`));
    return;
  }
  const start = make("button", { type: "button", class: "in-page-button in-page-main" }, offer.label);
  const said = make("p", { class: "in-page-note" }, offer.note);
  bar.append(start, said);
  start.addEventListener("click", async () => {
    if (start.ariaDisabled === "true") return;
    start.ariaDisabled = "true";
    let cells: typeof Cells;
    try {
      cells = await load();
    } catch (error) {
      start.ariaDisabled = null;
      said.textContent = `The editor did not come: ${(error as Error).message}`;
      return;
    }
    cells[offer.begin](page, store, bar);
  });
}

/** Return why Python cannot run here; empty where it can. */
function hindrance(page: Manifest): string {
  if (page.python === null) return "In this build of the book Python does not run in the page.";
  if (window.location.protocol === "file:") return "In a page that was opened as a file Python cannot run.";
  return "";
}
