/** What the cells of one page share: Python, what is kept, and the lines that say how it stands. */

import { make } from "./dom";
import type { Manifest, Task } from "./manifest";
import { showPoints } from "./points";
import { Python, type Reply, type Request, type State } from "./python";
import { browserStorage, type Refusal, Store } from "./store";

/** The id of the line that says which keys do what in an editor. */
export const KEYS = "in-page-keys";
const KEYS_SAID = "In an editor: Tab indents, Escape and then Tab leaves it, Ctrl+Enter runs or checks.";
const REFUSED: Record<Refusal, string> = {
  full: "This browser's storage is full, so what you write now is lost when you leave this page.",
  refused: "This browser keeps nothing for this site, so what you write is lost when you leave this page.",
};

/** What is busy while Python works for it. */
export interface Busy {
  /** Called when it begins, and when it ends. */
  busy: (busy: boolean) => void;
}

export class Session {
  readonly store: Store;
  private readonly python: Python;
  private readonly bars: { status: HTMLElement; progress: HTMLElement; warning: HTMLElement }[] = [];
  private readonly buttons: HTMLButtonElement[] = [];
  private state: State = { is: "loading", loaded: 0, total: 0 };
  private refusal: Refusal | null = null;
  /** Offered beside the warning that nothing is kept. */
  rescue: (() => HTMLButtonElement) | null = null;
  private working = false;

  constructor(readonly page: Manifest) {
    const here = (path: string): URL => new URL(path, window.location.href);
    this.store = new Store(browserStorage(), (why) => this.warn(why));
    const folder = here(page.base + (page.python?.folder ?? ""));
    this.python = new Python(here(page.base + page.worker), folder, (state) => this.tell(state));
  }

  /** Turn a bar with a start button into one that says how it stands with Python, and start it. */
  open(bar: HTMLElement): void {
    const keys = document.getElementById(KEYS) ? "" : KEYS_SAID;
    const status = make("p", { class: "in-page-status", role: "status" });
    const warning = make("p", { class: "in-page-warning", role: "alert" });
    const restart = make("button", { type: "button", class: "in-page-button" }, "Restart Python");
    restart.addEventListener("click", () => this.python.restart());
    // Beside the status, not in it: a screen reader would read every tenth of a megabyte.
    const progress = make("p", { class: "in-page-progress in-page-note", "aria-hidden": "true" });
    const line = make("p", keys ? { id: KEYS, class: "in-page-note" } : {}, keys);
    bar.replaceChildren(line, status, progress, restart, warning);
    this.bars.push({ status, progress, warning });
    this.tell(this.state);
    if (this.refusal) this.warn(this.refusal);
    bar.tabIndex = -1; // the button that had the focus is gone
    bar.focus();
    void this.python.start().catch(() => {});
  }

  /** Make a button that waits while Python works. */
  button(label: string, does: () => void, extra = ""): HTMLButtonElement {
    const waits = (): void => {
      if (!this.working) does();
    };
    const made = make("button", { type: "button", class: `in-page-button ${extra}`, onClick: waits }, label);
    this.buttons.push(made);
    return made;
  }

  /** Make a button that ends what Python does; it is there only while something runs. */
  stopButton(): HTMLButtonElement {
    const stop = make("button", { type: "button", class: "in-page-button" }, "Stop");
    stop.addEventListener("click", () => this.python.stop());
    stop.hidden = true;
    return stop;
  }

  /** Ask Python while the buttons wait, and keep what it says is to be kept; null if it is at work. */
  async ask(request: Request, who: Busy | null = null, figures = false): Promise<Reply | null> {
    if (this.working) return null;
    this.setWorking(true, who);
    try {
      const reply = await this.python.ask(request, figures);
      for (const [task, progress] of Object.entries(reply.kept)) this.store.keepProgress(task, progress);
      showPoints(this.page, this.store);
      return reply;
    } catch (error) {
      return { items: [{ kind: "trouble", text: (error as Error).message }], kept: {}, mark: null };
    } finally {
      this.setWorking(false, who);
    }
  }

  /** Return what is kept of some tasks, as Python takes it. */
  kept(tasks: readonly Task[]): Request["kept"] {
    return Object.fromEntries(tasks.map(({ name }) => [name, this.store.progress(name)]));
  }

  private setWorking(working: boolean, who: Busy | null): void {
    this.working = working;
    for (const button of this.buttons) button.setAttribute("aria-disabled", String(working));
    who?.busy(working);
  }

  private tell(state: State): void {
    this.state = state;
    const text = said(state);
    for (const { status, progress } of this.bars) {
      if (status.textContent !== text) status.textContent = text;
      progress.textContent = arrived(state);
    }
  }

  private warn(why: Refusal): void {
    this.refusal = why;
    for (const { warning } of this.bars) {
      if (warning.hasChildNodes()) continue;
      warning.append(`${REFUSED[why]} `);
      if (this.rescue) warning.append(this.rescue());
    }
  }
}

function said(state: State): string {
  switch (state.is) {
    case "loading":
      return "Loading Python. You can write already.";
    case "starting":
      return "Python is here, and starts …";
    case "ready":
      return "Python is ready.";
    case "failed":
      return `Python could not be loaded: ${state.why}. “Restart Python” tries again, and the notebook works without it.`;
  }
}

/** Return how much has come; empty where nothing is on its way. */
function arrived(state: State): string {
  if (state.is !== "loading" || state.total === 0) return "";
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return `${mb(state.loaded)} of ${mb(state.total)} MB`;
}
