/** What the build tells a page about itself: see tools/in_page/pages.py, which writes it. */

/** A task, and what the page needs to ask it. */
export interface Task {
  name: string;
  title: string;
  points: number;
  /** Whether its points count: those of a chapter page's own exercises do not. */
  graded: boolean;
  /** The part that the ids of its cells share: `answer-<cell>`, `check-<cell>`. */
  cell: string;
  /** The name that the answer defines. */
  asks: string;
  /** What a reader begins with. */
  stub: string;
  /** Changes with what is handed out, so that an answer to an older task is not taken for one to this. */
  digest: string;
  /** What a forecast gives a probability for, to be committed before it is checked; empty for other tasks. */
  statements: string[];
  /** The libraries that no browser has. */
  lacks: string[];
  /** What the run shows after a forecast is committed, as the build saw it; empty if there is no run. */
  ran: string;
}

/** A code cell of a chapter page. */
export interface Runnable {
  id: string;
  source: string;
  /** Why it does not run, as in "needs PyTorch"; empty if it does. */
  reason: string;
  /** What its figure shows, unless the code was changed. */
  alt: string;
}

/** A notebook's points on the exercises' index. */
export interface Listed {
  page: string;
  points: number;
  tasks: string[];
}

export interface Manifest {
  kind: "exercise" | "page" | "index";
  /** The exercise's name, or the page's. */
  name: string;
  /** The folder of scripts, from the page. */
  base: string;
  cells: string;
  worker: string;
  python: { folder: string; sent: Record<string, number> } | null;
  notebook: string;
  setup: string;
  tasks: Task[];
  runnable: Runnable[];
  listed: Listed[];
}

/** Return what the build wrote into the page, or null on a page without. */
export function manifest(): Manifest | null {
  const written = document.getElementById("in-page");
  return written?.textContent ? JSON.parse(written.textContent) : null;
}
