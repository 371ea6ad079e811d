/** Python as the page sees it: started when first needed, asked one thing at a time, ended when it must be. */

import * as Comlink from "comlink";
import { whyNot } from "./dom";
import type { Progress } from "./merge";
import type { Api, News } from "./worker";

/** How long an answer may take, in ms: many hundred times what a check needs. */
const PATIENCE = 10_000;
/** The same for a cell of a page, which may run all cells above it, and draw. */
const PATIENCE_OF_CELLS = 60_000;

export type Item =
  | { kind: "text" | "trouble" | "note"; text: string }
  | { kind: "html"; html: string }
  | { kind: "figure"; data: string };

export interface Request {
  action: "check" | "commit" | "hint" | "solution" | "progress" | "run" | "cell";
  name: string;
  cells: { title: string; source: string }[];
  kept: Record<string, Progress>;
}

export interface Reply {
  items: Item[];
  kept: Record<string, Progress>;
  /** Of a check: what the answer earned. */
  mark?: { status: string; points: number; of: number } | null;
}

/** How it stands with Python, for the line that says so. */
export type State =
  | { is: "loading"; loaded: number; total: number }
  | { is: "starting" }
  | { is: "ready" }
  | { is: "failed"; why: string };

/** What ends an answer before it is there: the message says what a reader is told. */
class Ended extends Error {}

/** The worker that was waited for was ended, and another one begun. */
class Restarted extends Error {}

type Remote = Comlink.Remote<Api>;

/** A worker with Python in it, or none. */
export class Python {
  private worker: Worker | null = null;
  private remote: Promise<Remote> | null = null;
  private figures: Promise<void> | null = null;
  private abandon: (() => void) | null = null;
  private end: ((why: string) => void) | null = null;
  /** Whether Python works on a request, and the title of the cell that it runs. */
  private running = false;
  private runs = "";
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly script: URL,
    private readonly folder: URL,
    private readonly says: (state: State) => void,
  ) {}

  /** Start Python, unless it is there or on its way. */
  start(): Promise<Remote> {
    if (this.remote === null) {
      const begun = this.begin();
      this.remote = begun;
      begun.catch((error: Error) => {
        if (this.remote !== begun) return; // another one has begun since
        this.drop();
        this.says({ is: "failed", why: error.message });
      });
    }
    return this.remote;
  }

  /** End what runs, and start anew. */
  restart(): void {
    this.end?.("Stopped.");
    this.beginAnew();
  }

  /** End what runs; nothing that is kept is lost. */
  stop(): void {
    const then = this.running ? "Python starts again; your" : "Your";
    this.end?.(`Stopped. ${then} answers are as they were.`);
  }

  /** Ask Python, after what was asked before; what ends early or breaks is told as trouble. */
  ask(request: Request, figures = false): Promise<Reply> {
    const asked = this.turn.then(() => this.answer(request, figures));
    this.turn = asked.catch(() => {});
    return asked;
  }

  private async answer(request: Request, figures: boolean): Promise<Reply> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let mine: Promise<Remote> | null = null;
    const ended = new Promise<never>((_, reject) => {
      this.end = (why) => reject(new Ended(why));
    });
    try {
      const remote = await Promise.race([this.ready(figures), ended]);
      const patience = request.action === "cell" ? PATIENCE_OF_CELLS : PATIENCE;
      timer = setTimeout(() => this.end?.(this.tooLong(request, patience)), patience);
      this.runs = "";
      this.running = true;
      mine = this.remote;
      return JSON.parse(await Promise.race([remote.ask(JSON.stringify(request)), ended]));
    } catch (error) {
      if (!this.running && !(error instanceof Ended)) throw error;
      if (mine !== null && mine === this.remote) this.beginAnew();
      const why = error instanceof Ended ? error.message : broke(error as Error);
      return { items: [{ kind: "trouble", text: why }], kept: {} };
    } finally {
      clearTimeout(timer);
      this.end = null;
      this.running = false;
    }
  }

  /** Wait for Python, and for what figures need; a restart meanwhile is waited for as well. */
  private async ready(figures: boolean): Promise<Remote> {
    for (;;) {
      try {
        const remote = await this.start();
        if (figures) await this.startFigures(remote);
        return remote;
      } catch (error) {
        if (!(error instanceof Restarted)) throw error;
      }
    }
  }

  private async startFigures(remote: Remote): Promise<void> {
    const loading = this.figures ?? Promise.race([remote.loadFigures(), this.abandoned()]);
    this.figures = loading;
    try {
      await loading;
    } catch (error) {
      if (this.figures === loading) {
        this.figures = null;
        this.says({ is: "failed", why: (error as Error).message });
      }
      throw error;
    }
    this.says({ is: "ready" });
  }

  private beginAnew(): void {
    this.drop();
    void this.start().catch(() => {});
  }

  private async begin(): Promise<Remote> {
    this.says({ is: "loading", loaded: 0, total: 0 });
    const worker = new Worker(this.script, { type: "module" });
    this.worker = worker;
    worker.addEventListener("message", (event: MessageEvent<News>) => this.hear(event.data));
    const failed = new Promise<never>((_, reject) => {
      worker.addEventListener("error", async ({ message }) => {
        reject(new Error(message || `its script did not come: ${await whyNot(this.script)}`));
      });
    });
    const remote = Comlink.wrap<Api>(worker);
    await Promise.race([remote.start(this.folder.href), failed, this.abandoned()]);
    this.says({ is: "ready" });
    return remote;
  }

  /** Return a promise that fails once the worker is ended: it will not answer any more. */
  private abandoned(): Promise<never> {
    return new Promise((_, reject) => {
      const before = this.abandon;
      this.abandon = () => {
        before?.();
        reject(new Restarted());
      };
    });
  }

  private hear(news: News): void {
    if (typeof news !== "object" || news === null) return; // an answer may post what it likes
    if ("loaded" in news) this.says({ is: "loading", ...news });
    else if ("starting" in news) this.says({ is: "starting" });
    else if ("runs" in news) this.runs = news.runs;
  }

  private drop(): void {
    const { abandon } = this;
    this.worker?.terminate();
    this.worker = this.remote = this.figures = this.abandon = null;
    abandon?.();
  }

  private tooLong(request: Request, patience: number): string {
    const asked = request.cells.at(-1)?.title;
    const where = this.runs && this.runs !== asked ? `in “${this.runs}”, which stands above` : "in this cell";
    return `Stopped after ${patience / 1000} seconds, ${where}: does a loop never end? Python starts again; your answers are as they were.`;
  }
}

function broke(error: Error): string {
  return `Python itself broke off (${error.message.trim().split("\n").at(-1)}): was it too deep a recursion, or too much memory? It starts again; your answers are as they were.`;
}
