/** The exercises of a page, done in the page. */

import { make, place } from "./dom";
import { Editor } from "./editor";
import type { Manifest, Task } from "./manifest";
import { dumps, fill, type Notebook, parse, read } from "./notebook";
import { show } from "./output";
import { showPoints } from "./points";
import { type Item, Python, type Reply, type Request, type State } from "./python";
import { browserStorage, type Refusal, Store } from "./store";

const KEYS = "in-page-keys";
const SETUP = "The set-up cell";
const LARGEST = 8e6; // bytes of a notebook that is brought along: one of ours has some 30 thousand
const SAID: Record<Refusal, string> = {
  full: "This browser's storage is full, so what you write now is lost when you leave this page.",
  refused: "This browser keeps nothing for this site, so what you write is lost when you leave this page.",
};

/** Put editors and buttons in place of the page's cells, and start Python. */
export function begin(page: Manifest, bar: HTMLElement): void {
  new Exercises(page, bar);
}

/** One task on the page: its editor, its buttons, and the box for what Python says. */
interface Cell {
  task: Task;
  editor: Editor;
  output: HTMLElement;
  stop: HTMLButtonElement;
  buttons: HTMLButtonElement[];
  earlier: HTMLElement;
}

class Exercises {
  private readonly store: Store;
  private readonly python: Python;
  private readonly cells: Cell[] = [];
  private readonly status = make("p", { class: "in-page-status", role: "status" });
  private readonly warning = make("p", { class: "in-page-warning", role: "alert" });
  private busy = false;

  constructor(
    private readonly page: Manifest,
    bar: HTMLElement,
  ) {
    const here = (path: string): URL => new URL(path, window.location.href);
    this.store = new Store(browserStorage(), (why) => this.warn(why));
    const folder = here(page.base + (page.python?.folder ?? ""));
    this.python = new Python(here(page.base + page.worker), folder, (state) => this.tell(state));
    const restart = this.button("Restart Python", () => this.python.restart());
    const keys = "In an editor: Tab indents, Escape and then Tab leaves it, Ctrl+Enter checks.";
    bar.replaceChildren(
      make("p", { id: KEYS, class: "in-page-note" }, keys),
      this.status,
      restart,
      this.warning,
    );
    for (const task of page.tasks) this.add(task);
    this.addPoints();
    window.addEventListener("storage", (event) => this.follow(event.key));
    bar.tabIndex = -1; // the button that had the focus is gone
    bar.focus();
    void this.python.start().catch(() => {});
  }

  private add(task: Task): void {
    const answer = place(`answer-${task.cell}`);
    const check = place(`check-${task.cell}`);
    if (!answer || !check) return;
    if (task.lacks.length > 0) {
      check.replaceChildren(make("p", { class: "in-page-note" }, this.lacking(task)));
      return;
    }
    const host = make("div", { class: "in-page-editor highlight" });
    const output = make("div", { class: "in-page-output", role: "region", "aria-live": "polite" });
    output.setAttribute("aria-label", `What came of it: ${task.title}`);
    const earlier = make("div", {});
    const group = make("div", { class: "in-page-buttons", role: "group", "aria-label": task.title });
    const kept = this.store.answer(this.page.name, task.cell);
    const cell: Cell = {
      task,
      output,
      earlier,
      buttons: [],
      stop: this.button("Stop", () => this.python.stop(), "in-page-stop"),
      editor: new Editor(host, {
        text: kept?.of === task.digest ? kept.text : task.stub,
        label: `Your answer: ${task.title}`,
        describedBy: KEYS,
        changed: (text) => this.keep(cell, text),
        submit: () => void this.act(cell, "check"),
      }),
    };
    cell.stop.hidden = true;
    const does = (label: string, action: Request["action"], main = ""): void => {
      cell.buttons.push(this.button(label, () => void this.act(cell, action), main));
    };
    does("Check", "check", "in-page-main");
    if (task.commits) does("Commit", "commit");
    does("Run", "run");
    does("Hint", "hint");
    does("Solution", "solution");
    cell.buttons.push(this.button("Start again", () => this.startAgain(cell)));
    group.append(...cell.buttons, cell.stop);
    answer.replaceChildren(host, earlier);
    check.replaceChildren(group, output);
    if (task.commits) place(`commit-${task.cell}`)?.replaceChildren();
    this.cells.push(cell);
    if (kept && kept.of !== task.digest) this.keep(cell, task.stub);
    else this.showEarlier(cell, kept?.earlier);
    this.showCommitted(cell);
  }

  private lacking(task: Task): string {
    const what = task.lacks.map((name) => (name === "torch" ? "PyTorch" : name)).join(" and ");
    return `This task needs ${what}, which no browser has. Download the notebook with your answers, below, and do it there: check("${task.name}") tells how it went. Your points of the other tasks stay.`;
  }

  /** Keep what stands in an editor; the text that was handed out need not be kept. */
  private keep(cell: Cell, text: string): void {
    const { task } = cell;
    const kept = this.store.keepAnswer(this.page.name, task.cell, { text, of: task.digest, at: Date.now() });
    if (text === task.stub && kept.earlier === undefined) this.store.forgetAnswer(this.page.name, task.cell);
    this.showEarlier(cell, kept.earlier);
  }

  /** Offer what stood in the editor and was not changed by hand: for an older task, or from elsewhere. */
  private showEarlier(cell: Cell, text: string | undefined): void {
    if (text === undefined || text === cell.editor.text || text === cell.task.stub) {
      cell.earlier.replaceChildren();
      return;
    }
    const back = this.button("Put it into the editor", () => {
      cell.editor.put(text);
      cell.editor.focus();
    });
    const summary = make("summary", {}, "Another answer of yours is kept");
    const why =
      "It was for an earlier version of this task, or stood here before a notebook or another tab replaced it.";
    const code = make("pre", { tabindex: 0 }, text);
    cell.earlier.replaceChildren(make("details", {}, summary, make("p", {}, why), code, back));
  }

  private startAgain(cell: Cell): void {
    if (cell.task.commits && this.store.progress(cell.task.name).committed) return;
    cell.editor.put(cell.task.stub);
    cell.output.replaceChildren(
      make("p", {}, "The first lines are back. Ctrl+Z in the editor brings yours back."),
    );
    cell.editor.focus();
  }

  /** The cells that an answer may use: what was set up, the answers above, and itself. */
  private above(last: Cell): Request["cells"] {
    const upTo = this.cells.slice(0, this.cells.indexOf(last) + 1);
    return [
      { title: SETUP, source: this.page.setup },
      ...upTo.map(({ task, editor }) => ({ title: task.title, source: editor.text })),
    ];
  }

  private async act(cell: Cell, action: Request["action"]): Promise<void> {
    if (this.busy) return;
    const { task, output } = cell;
    const ask = "Show a solution? Your list of points will say that you saw it.";
    if (action === "solution" && !this.store.progress(task.name).solution && !window.confirm(ask)) return;
    const bare = action === "hint" || action === "solution";
    const request = { action, name: task.name, cells: bare ? [] : this.above(cell), kept: this.kept([task]) };
    const reply = await this.ask(request, cell);
    show(
      output,
      reply.items.length > 0 ? reply.items : [{ kind: "note", text: "It ran, and shows nothing." }],
    );
    this.showCommitted(cell);
  }

  /** Ask Python while the buttons wait, and keep what it says is to be kept. */
  private async ask(request: Request, cell?: Cell): Promise<Reply> {
    this.setBusy(true, cell);
    try {
      const reply = await this.python.ask(request);
      for (const [task, progress] of Object.entries(reply.kept)) this.store.keepProgress(task, progress);
      showPoints(this.page, this.store);
      return reply;
    } catch (error) {
      return { items: [{ kind: "trouble", text: (error as Error).message }], kept: {}, mark: null };
    } finally {
      this.setBusy(false, cell);
    }
  }

  private setBusy(busy: boolean, cell?: Cell): void {
    this.busy = busy;
    for (const { buttons } of this.cells) {
      for (const button of buttons) button.setAttribute("aria-disabled", String(busy));
    }
    if (!cell) return;
    cell.output.setAttribute("aria-busy", String(busy));
    if (busy) show(cell.output, [{ kind: "note", text: "Python works …" }]);
    // After a moment: a check takes some hundredths of a second, and a button that flickers helps nobody.
    if (busy) setTimeout(() => (cell.stop.hidden = !this.busy), 700);
    else cell.stop.hidden = true;
  }

  private kept(tasks: readonly Task[]): Request["kept"] {
    return Object.fromEntries(tasks.map(({ name }) => [name, this.store.progress(name)]));
  }

  /** After a commitment the forecast stands as it was, and the run's outcome may be seen. */
  private showCommitted({ task, editor, buttons }: Cell): void {
    const { committed } = this.store.progress(task.name);
    if (!task.commits || committed === null) return;
    editor.fix();
    for (const button of buttons) {
      if (["Commit", "Start again"].includes(button.textContent ?? "")) button.hidden = true;
    }
    const run = place(`run-${task.cell}`);
    if (!run || !task.ran || run.querySelector(".in-page-ran")) return;
    const said = "What it printed when this page was built:";
    run.append(
      make("div", { class: "in-page-ran" }, make("p", {}, said), make("pre", { tabindex: 0 }, task.ran)),
    );
  }

  private addPoints(): void {
    const last = place("points");
    if (!last) return;
    const output = make("div", { class: "in-page-output", role: "region", "aria-live": "polite" });
    output.setAttribute("aria-label", "Points and notebook");
    const choose = make("input", { type: "file", accept: ".ipynb,application/x-ipynb+json", hidden: true });
    choose.addEventListener("change", () => void this.upload(choose, output));
    const graded = this.page.tasks.filter((task) => task.graded);
    const points = this.button("Show my points", async () => {
      if (this.busy) return;
      const request: Request = {
        action: "progress",
        name: this.page.name,
        cells: [],
        kept: this.kept(graded),
      };
      show(output, (await this.ask(request)).items);
    });
    const group = make("div", {
      class: "in-page-buttons",
      role: "group",
      "aria-label": "Points and notebook",
    });
    const download = this.button("Download the notebook with my answers", () => void this.download(output));
    const upload = this.button("Take answers from a notebook", () => choose.click());
    group.append(points, download, upload, choose);
    const note =
      "Your answers and points are kept in this browser. To go on elsewhere, or to hand in, download the notebook; the grader runs it again.";
    last.replaceChildren(group, make("p", { class: "in-page-note" }, note), output);
  }

  private async released(): Promise<Notebook> {
    const answer = await fetch(this.page.notebook);
    if (!answer.ok) throw new Error(`the notebook did not come (status ${answer.status})`);
    return parse(await answer.text());
  }

  private async download(output: HTMLElement): Promise<void> {
    try {
      const answers = new Map<string, string>();
      for (const { task, editor } of this.cells) answers.set(`answer-${task.cell}`, editor.text);
      for (const task of this.page.tasks.filter(({ lacks }) => lacks.length > 0)) {
        const kept = this.store.answer(this.page.name, task.cell);
        if (kept) answers.set(`answer-${task.cell}`, kept.text);
      }
      const content = dumps(fill(await this.released(), answers));
      const address = URL.createObjectURL(new Blob([content], { type: "application/x-ipynb+json" }));
      make("a", { href: address, download: this.page.notebook.split("/").pop() }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    } catch (error) {
      show(output, [{ kind: "trouble", text: `Nothing was downloaded: ${(error as Error).message}.` }]);
    }
  }

  /** Take the answers out of a notebook; what they replace is kept beside them. */
  private async upload(choose: HTMLInputElement, output: HTMLElement): Promise<void> {
    const file = choose.files?.[0];
    if (!file) return;
    choose.value = "";
    try {
      if (file.size > LARGEST) throw new Error("it is too large to be a notebook of this course");
      const found = read(parse(await file.text()), await this.released(), this.page.tasks);
      if (found.answers.size === 0) throw new Error("it holds no answer to a task of this page");
      show(output, this.take(found.answers, file.name, found.joined, found.left));
    } catch (error) {
      show(output, [{ kind: "trouble", text: `${file.name} was not taken: ${(error as Error).message}.` }]);
    }
    output.scrollIntoView({ block: "nearest" });
  }

  private take(answers: Map<string, string>, file: string, joined: string[], left: string[]): Item[] {
    const said: string[] = [];
    for (const task of this.page.tasks) {
      const text = answers.get(task.name);
      if (text === undefined) continue;
      const cell = this.cells.find((one) => one.task === task);
      if (cell && this.store.progress(task.name).committed && task.commits) {
        said.push(`“${task.title}” is committed here, and stays as it was.`);
        continue;
      }
      const before = this.store.answer(this.page.name, task.cell)?.text;
      const fresh = { text, of: task.digest, at: Date.now() };
      const earlier = before && before !== text ? { ...fresh, earlier: before } : fresh;
      const kept = this.store.keepAnswer(this.page.name, task.cell, earlier);
      cell?.editor.follow(text);
      if (cell) this.showEarlier(cell, kept.earlier);
      said.push(`“${task.title}” is taken${cell ? ": check it for its points" : ", for the next download"}.`);
    }
    const list = (lines: string[]): string => lines.map((line) => `“${line}”`).join(", ");
    if (joined.length > 0) said.push(`Cells of your own went into the answer below them: ${list(joined)}.`);
    if (left.length > 0) said.push(`Not taken, because no answer stands below: ${list(left)}.`);
    return [{ kind: "note", text: `From ${file}:` }, ...said.map((text): Item => ({ kind: "note", text }))];
  }

  /** Follow another tab: its points, and its text where nobody writes here. */
  private follow(key: string | null): void {
    const about = Store.about(key, this.page.name);
    if (about === null) return;
    for (const cell of this.cells) {
      if ("task" in about && about.task === cell.task.name) this.showCommitted(cell);
      const written = "cell" in about && about.cell === cell.task.cell;
      if (!written || (cell.editor.hasFocus && document.hasFocus())) continue;
      const kept = this.store.answer(this.page.name, cell.task.cell);
      cell.editor.follow(kept?.text ?? cell.task.stub);
      this.showEarlier(cell, kept?.earlier);
    }
  }

  private tell(state: State): void {
    const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
    const told = {
      loading: () =>
        state.is === "loading" && state.total > 0
          ? `Loading Python: ${mb(state.loaded)} of ${mb(state.total)} MB. You can write already.`
          : "Loading Python …",
      starting: () => "Python is here, and starts …",
      ready: () => "Python is ready.",
      failed: () =>
        `Python could not be loaded: ${state.is === "failed" ? state.why : ""}. “Restart Python” tries again, and the notebook works without it.`,
    };
    const text = told[state.is]();
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  private warn(why: Refusal): void {
    if (this.warning.hasChildNodes()) return;
    const button = this.button(
      "Download the notebook with my answers",
      () => void this.download(this.warning),
    );
    this.warning.append(`${SAID[why]} `, button);
  }

  private button(label: string, does: () => void, extra = ""): HTMLButtonElement {
    return make("button", { type: "button", class: `in-page-button ${extra}`, onClick: does }, label);
  }
}
