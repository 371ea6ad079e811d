/** What the cells of one page share: Python, what is kept, and the lines that say how it stands. */

import { button, make } from "./dom";
import type { Manifest, Task } from "./manifest";
import { showPoints } from "./points";
import { Python, type Reply, type Request, type State } from "./python";
import type { Refusal, Store } from "./store";

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

interface Bar {
  status: HTMLElement;
  progress: HTMLElement;
  warning: HTMLElement;
  rescue: (() => HTMLButtonElement) | null;
}

export class Session {
  private readonly python: Python;
  private readonly bars: Bar[] = [];
  private readonly buttons: HTMLButtonElement[] = [];
  private state: State = { is: "loading", loaded: 0, total: 0 };
  private refusal: Refusal | null = null;
  private working = false;

  constructor(
    readonly page: Manifest,
    readonly store: Store,
  ) {
    const here = (path: string): URL => new URL(path, window.location.href);
    store.refused = (why) => this.warn(why);
    window.addEventListener("beforeunload", (event) => {
      if (store.atRisk) event.preventDefault();
    });
    const folder = here(page.base + (page.python?.folder ?? ""));
    this.python = new Python(here(page.base + page.worker), folder, (state) => this.tell(state));
  }

  /**
   * Turn a bar with a start button into one that says how it stands with Python, and start it.
   *
   * @param rescue Makes the button that stands beside a warning that nothing is kept.
   */
  open(bar: HTMLElement, rescue: (() => HTMLButtonElement) | null = null): void {
    const keys = document.getElementById(KEYS) ? "" : KEYS_SAID;
    const status = make("p", { class: "in-page-status", role: "status" });
    const warning = make("p", { class: "in-page-warning", role: "alert" });
    const restart = button("Restart Python", () => this.python.restart());
    // Beside the status, not in it: a screen reader would read every tenth of a megabyte.
    const progress = make("p", { class: "in-page-progress in-page-note", "aria-hidden": "true" });
    const line = make("p", keys ? { id: KEYS, class: "in-page-note" } : {}, keys);
    bar.replaceChildren(line, status, progress, restart, warning);
    this.bars.push({ status, progress, warning, rescue });
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
    const made = button(label, waits, extra);
    this.buttons.push(made);
    return made;
  }

  /** Make a button that ends what Python does; it is there only while something runs. */
  stopButton(): HTMLButtonElement {
    const stop = button("Stop", () => this.python.stop());
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
      return { items: [{ kind: "trouble", text: (error as Error).message }], kept: {} };
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

  private warn(why: Refusal | null): void {
    this.refusal = why;
    for (const { warning, rescue } of this.bars) {
      const text = why === null ? "" : `${REFUSED[why]} `;
      if ((warning.firstChild?.textContent ?? "") === text) continue;
      warning.replaceChildren(...(text ? [text] : []), ...(text && rescue ? [rescue()] : []));
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
