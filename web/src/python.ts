/** Python as the page sees it: started when first needed, asked one thing at a time, ended when it must be. */

import * as Comlink from "comlink";
import type { Progress } from "./merge";
import type { Api, News } from "./worker";

/** How long an answer may take, in ms: many hundred times what a check needs. */
export const PATIENCE = 10_000;
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
  mark: { status: string; points: number; of: number } | null;
}

/** How it stands with Python, for the line that says so. */
export type State =
  | { is: "loading"; loaded: number; total: number }
  | { is: "starting" }
  | { is: "ready" }
  | { is: "failed"; why: string };

/** What ends an answer before it is there. */
class Ended extends Error {}

/** A worker with Python in it, or none. */
export class Python {
  private worker: Worker | null = null;
  private remote: Promise<Comlink.Remote<Api>> | null = null;
  private figures: Promise<void> | null = null;
  private runs = "";
  private end: ((why: string) => void) | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly script: URL,
    private readonly folder: URL,
    private readonly says: (state: State) => void,
  ) {}

  /** Start Python, unless it is there or on its way. */
  start(): Promise<Comlink.Remote<Api>> {
    this.remote ??= this.begin().catch((error: Error) => {
      this.drop();
      this.says({ is: "failed", why: error.message });
      throw error;
    });
    return this.remote;
  }

  /** Load what figures need, after Python itself. */
  async startFigures(): Promise<void> {
    const remote = await this.start();
    this.figures ??= remote.loadFigures();
    try {
      await this.figures;
    } catch (error) {
      this.figures = null;
      this.says({ is: "failed", why: (error as Error).message });
      throw error;
    }
    this.says({ is: "ready" });
  }

  /** End what runs, and start anew. */
  restart(): void {
    if (this.end) this.end("Stopped.");
    else this.drop();
    void this.start().catch(() => {});
  }

  /** End what runs; nothing that is kept is lost. */
  stop(): void {
    this.end?.("Stopped. Python starts again; your answers are as they were.");
  }

  /** Ask Python, after what was asked before; what ends early or breaks is told as trouble. */
  ask(request: Request, figures = false): Promise<Reply> {
    const asked = this.turn.then(() => this.answer(request, figures));
    this.turn = asked.catch(() => {});
    return asked;
  }

  private async answer(request: Request, figures: boolean): Promise<Reply> {
    const remote = await this.start();
    if (figures) await this.startFigures();
    this.runs = "";
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ended = new Promise<never>((_, reject) => {
      this.end = (why) => reject(new Ended(why));
      const patience = request.action === "cell" ? PATIENCE_OF_CELLS : PATIENCE;
      timer = setTimeout(() => this.end?.(this.tooLong(request, patience)), patience);
    });
    try {
      return JSON.parse(await Promise.race([remote.ask(JSON.stringify(request)), ended]));
    } catch (error) {
      this.drop();
      void this.start().catch(() => {});
      const why = error instanceof Ended ? error.message : this.broke(error as Error);
      return { items: [{ kind: "trouble", text: why }], kept: {}, mark: null };
    } finally {
      clearTimeout(timer);
      this.end = null;
    }
  }

  private async begin(): Promise<Comlink.Remote<Api>> {
    this.says({ is: "loading", loaded: 0, total: 0 });
    const worker = new Worker(this.script, { type: "module" });
    this.worker = worker;
    worker.addEventListener("message", (event: MessageEvent<News>) => this.hear(event.data));
    const failed = new Promise<never>((_, reject) => {
      worker.addEventListener("error", (event) =>
        reject(new Error(event.message || "its script did not come")),
      );
    });
    const remote = Comlink.wrap<Api>(worker);
    await Promise.race([remote.start(this.folder.href), failed]);
    this.says({ is: "ready" });
    return remote;
  }

  private hear(news: News): void {
    if ("loaded" in news) this.says({ is: "loading", ...news });
    else if ("starting" in news) this.says({ is: "starting" });
    else if ("runs" in news) this.runs = news.runs;
  }

  private drop(): void {
    this.worker?.terminate();
    this.worker = this.remote = this.figures = null;
  }

  private tooLong(request: Request, patience: number): string {
    const asked = request.cells.at(-1)?.title;
    const where =
      this.runs && this.runs !== asked ? `in “${this.runs}”, which stands above` : "in this answer";
    return `Stopped after ${patience / 1000} seconds, ${where}: does a loop never end? Python starts again; your answers are as they were.`;
  }

  private broke(error: Error): string {
    return `Python itself broke off (${error.message.split("\n", 1)[0]}): was it too deep a recursion, or too much memory? It starts again; your answers are as they were.`;
  }
}
