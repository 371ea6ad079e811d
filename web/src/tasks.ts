/** The tasks of a page: an editor in place of each answer, buttons in place of each check. */

import { Box } from "./box";
import { button, hide, make, place, row } from "./dom";
import { Editor } from "./editor";
import type { Task } from "./manifest";
import { stands } from "./merge";
import type { Item, Request } from "./python";
import { KEYS, type Session } from "./session";
import { Store } from "./store";

const SETUP = "The set-up cell";
const SEE = "Show a solution? It costs no points; your list of points will say that you saw it.";
const COMMIT = "Commit this forecast? It cannot be changed afterwards.";
const RUN_LATER = "What it prints is shown here once your forecast is committed.";
const WHY_EARLIER =
  "It was for an earlier version of this task, or stood here before something else took its place.";

/** One task that can be done in the page. */
export class TaskCell {
  readonly editor: Editor;
  /** Whether the text that was checked last, and stands here still, earned less than the best so far. */
  fellShort = false;
  private readonly box: Box;
  /** What a check says; of a forecast below its run, of other tasks where all is said. */
  private readonly verdict: Box;
  private shown: Item[] = [];
  private readonly host = make("div", { class: "in-page-editor highlight" });
  private readonly earlier = make("div", {});
  private offered: string | undefined;
  private readonly onlyBefore: HTMLButtonElement[] = [];

  /**
   * @param above Returns what an answer may use, and the answer: all of it runs.
   */
  constructor(
    readonly task: Task,
    private readonly session: Session,
    private readonly above: (cell: TaskCell) => Request["cells"],
    answer: HTMLElement,
    check: HTMLElement,
  ) {
    const kept = session.store.answer(session.page.name, task.cell);
    this.editor = new Editor(this.host, {
      text: kept?.of === task.digest ? kept.text : task.stub,
      label: `Your answer: ${task.title}`,
      describedBy: KEYS,
      changed: (text) => this.keep(text),
      submit: () => void this.act("check"),
    });
    const stop = session.stopButton();
    this.box = new Box(`What came of it: ${task.title}`, stop);
    this.verdict = this.box;
    const checks = this.asks("Check", "check", "in-page-main");
    const run = place(`run-${task.cell}`);
    if (this.isForecast) {
      const stopCheck = session.stopButton();
      this.verdict = new Box(`The check: ${task.title}`, stopCheck);
      const commit = this.asks("Commit", "commit", "in-page-main");
      answer.replaceChildren(this.host, this.earlier, this.buttons([commit], stop), this.box.element);
      check.replaceChildren(row(`${task.title}: check`, checks, stopCheck), this.verdict.element);
      run?.append(make("p", { class: "in-page-note in-page-before" }, RUN_LATER));
      this.onlyBefore.push(commit);
    } else {
      answer.replaceChildren(this.host, this.earlier);
      check.replaceChildren(this.buttons([checks, this.asks("Run", "run")], stop), this.box.element);
    }
    place(`commit-${task.cell}`)?.replaceChildren();
    if (this.progress.committed && !this.stands) session.store.forgetCommitment(task.name);
    this.showEarlier(kept && kept.of !== task.digest ? kept.text : kept?.earlier);
    this.showCommitted();
  }

  private get progress() {
    return this.session.store.progress(this.task.name);
  }

  private get isForecast(): boolean {
    return this.task.statements.length > 0;
  }

  /** Whether a forecast is committed. */
  private get stands(): boolean {
    return this.isForecast && stands(this.progress, this.task.statements);
  }

  private asks(label: string, action: Request["action"], extra = ""): HTMLButtonElement {
    return this.session.button(label, () => void this.act(action), extra);
  }

  private buttons(first: HTMLButtonElement[], stop: HTMLButtonElement): HTMLElement {
    const startAgain = button("Start again", () => this.startAgain());
    this.onlyBefore.push(startAgain);
    const help = [this.asks("Hint", "hint"), this.asks("Solution", "solution")];
    return row(this.task.title, ...first, ...help, startAgain, stop);
  }

  private async act(action: Request["action"]): Promise<void> {
    const { solution: seen, points } = this.progress;
    if (action === "solution" && !seen && points < this.task.points && !window.confirm(SEE)) return;
    if (action === "commit" && !window.confirm(COMMIT)) return;
    const helps = action === "hint" || action === "solution";
    const sent = this.editor.text;
    const cells = helps ? [] : this.above(this);
    const request = { action, name: this.task.name, cells, kept: this.session.kept([this.task]) };
    const box = action === "check" ? this.verdict : this.box;
    const reply = await this.session.ask(request, box);
    if (reply === null) return;
    // Help goes below what it helps with.
    this.shown = helps ? [...this.shown, ...reply.items] : reply.items;
    box.result(this.shown);
    if (reply.mark) this.fellShort = reply.mark.points < this.progress.points && sent === this.editor.text;
    if (action === "commit" && this.stands) {
      this.editor.follow(sent); // what was committed, whatever was typed since
      this.keep(sent);
    }
    this.showCommitted();
  }

  /** Keep what stands in the editor; what was handed out need not be kept. */
  private keep(text: string): void {
    const { task, session } = this;
    this.fellShort = false;
    const next = { text, of: task.digest };
    const kept = session.store.keepAnswer(session.page.name, task.cell, next);
    if (text === task.stub && kept.earlier === undefined) {
      session.store.forgetAnswer(session.page.name, task.cell);
    }
    this.showEarlier(kept.earlier);
  }

  private startAgain(): void {
    this.take(this.task.stub);
    this.box.say("The first lines are back. Your answer is kept, below the editor.");
    this.editor.focus();
  }

  /** Take a text from elsewhere; what it replaces is kept beside it. False for a forecast that stands. */
  take(text: string): boolean {
    const { task, session } = this;
    if (this.stands) return false;
    const before = this.editor.text;
    const next = { text, of: task.digest };
    const replaces = before !== text && before !== task.stub;
    const kept = session.store.keepAnswer(
      session.page.name,
      task.cell,
      replaces ? { ...next, earlier: before } : next,
    );
    this.editor.follow(text);
    this.showEarlier(kept.earlier);
    this.fellShort = false;
    this.shown = [];
    this.box.show([]);
    this.verdict.show([]);
    return true;
  }

  /** Follow another tab: its commitment, and its text where nobody writes here. */
  follow(key: string | null): void {
    const about = Store.about(key, this.session.page.name);
    if (about === null) return;
    if ("task" in about && about.task === this.task.name) this.showCommitted();
    const written = "cell" in about && about.cell === this.task.cell;
    if (!written || (this.editor.hasFocus && document.hasFocus() && !this.stands)) return;
    const kept = this.session.store.answer(this.session.page.name, this.task.cell);
    this.editor.follow(kept?.text ?? this.task.stub);
    this.showEarlier(kept?.earlier);
  }

  /** Offer what stood in the editor and was not changed by hand. */
  private showEarlier(kept: string | undefined): void {
    const useless = kept === this.editor.text || kept === this.task.stub || this.stands;
    const text = useless ? undefined : kept;
    if (text === this.offered) return; // what a reader has unfolded stays so
    this.offered = text;
    if (text === undefined) {
      this.earlier.replaceChildren();
      return;
    }
    const back = button("Put it into the editor", () => {
      this.editor.put(text);
      this.editor.focus();
    });
    const summary = make("summary", {}, "Another answer of yours is kept");
    const code = make("pre", { tabindex: 0 }, text);
    this.earlier.replaceChildren(make("details", {}, summary, make("p", {}, WHY_EARLIER), code, back));
  }

  /** After a commitment the forecast stands as it was, and the run's outcome may be seen. */
  private showCommitted(): void {
    if (!this.stands) return;
    if (!this.host.classList.contains("in-page-fixed")) {
      this.editor.fix();
      this.host.classList.add("in-page-fixed");
      this.host.after(make("p", { class: "in-page-note" }, "Committed: it cannot be changed any more."));
    }
    this.showEarlier(undefined);
    for (const one of this.onlyBefore) hide(one);
    const run = place(`run-${this.task.cell}`);
    if (!run || !this.task.ran || run.querySelector(".in-page-ran")) return;
    run.querySelector(".in-page-before")?.remove();
    const said = make("p", {}, "What it printed when this page was built:");
    run.append(make("div", { class: "in-page-ran" }, said, make("pre", { tabindex: 0 }, this.task.ran)));
  }
}

/** Put a cell in place of each task that can be done here; say of the others what they need. */
export function taskCells(session: Session): TaskCell[] {
  const cells: TaskCell[] = [];
  const above = (last: TaskCell): Request["cells"] => [
    { title: SETUP, source: session.page.setup },
    ...cells
      .slice(0, cells.indexOf(last) + 1)
      .map(({ task, editor }) => ({ title: task.title, source: editor.text })),
  ];
  for (const task of session.page.tasks) {
    const answer = place(`answer-${task.cell}`);
    const check = place(`check-${task.cell}`);
    if (!answer || !check) continue;
    if (task.lacks.length > 0) check.replaceChildren(make("p", { class: "in-page-note" }, lacking(task)));
    else cells.push(new TaskCell(task, session, above, answer, check));
  }
  window.addEventListener("storage", ({ key }) => {
    for (const cell of cells) cell.follow(key);
  });
  return cells;
}

function lacking(task: Task): string {
  const what = task.lacks.map((name) => (name === "torch" ? "PyTorch" : name)).join(" and ");
  return `This task needs ${what}, which no browser has. Do it in JupyterLab: download the notebook with your answers, below, and open it where ${what} is installed. Your points of the other tasks stay.`;
}
