/** The tasks of a page: an editor in place of each answer, buttons in place of each check. */

import { Box } from "./box";
import { button, hide, make, place, row } from "./dom";
import { Editor } from "./editor";
import type { Task } from "./manifest";
import { stands } from "./merge";
import type { Request } from "./python";
import { KEYS, type Session } from "./session";
import { Store } from "./store";

const SETUP = "The set-up cell";
const WHY_EARLIER =
  "It was for an earlier version of this task, or stood here before something else took its place.";

/** One task that can be done in the page. */
export class TaskCell {
  readonly editor: Editor;
  private readonly box: Box;
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
    const host = make("div", { class: "in-page-editor highlight" });
    const kept = session.store.answer(session.page.name, task.cell);
    this.editor = new Editor(host, {
      text: kept?.of === task.digest ? kept.text : task.stub,
      label: `Your answer: ${task.title}`,
      describedBy: KEYS,
      changed: (text) => this.keep(text),
      submit: () => void this.act("check"),
    });
    const stop = session.stopButton();
    this.box = new Box(`What came of it: ${task.title}`, stop);
    answer.replaceChildren(host, this.earlier);
    check.replaceChildren(this.buttons(stop), this.box.element);
    place(`commit-${task.cell}`)?.replaceChildren();
    if (this.progress.committed && !this.stands) session.store.forgetCommitment(task.name);
    this.showEarlier(kept && kept.of !== task.digest ? kept.text : kept?.earlier);
    this.showCommitted();
  }

  private get progress() {
    return this.session.store.progress(this.task.name);
  }

  /** Whether a forecast is committed. */
  private get stands(): boolean {
    return this.task.statements.length > 0 && stands(this.progress, this.task.statements);
  }

  private buttons(stop: HTMLButtonElement): HTMLElement {
    const { session, task } = this;
    const asks = (label: string, action: Request["action"], extra = ""): HTMLButtonElement =>
      session.button(label, () => void this.act(action), extra);
    if (task.statements.length > 0) this.onlyBefore.push(asks("Commit", "commit"));
    const startAgain = button("Start again", () => this.startAgain());
    const others = [asks("Run", "run"), asks("Hint", "hint"), asks("Solution", "solution"), startAgain, stop];
    const group = row(task.title, asks("Check", "check", "in-page-main"), ...this.onlyBefore, ...others);
    this.onlyBefore.push(startAgain);
    return group;
  }

  private async act(action: Request["action"]): Promise<void> {
    const ask = "Show a solution? It will be noted that you saw it.";
    if (action === "solution" && !this.progress.solution && !window.confirm(ask)) return;
    const bare = action === "hint" || action === "solution";
    const sent = this.editor.text;
    const cells = bare ? [] : this.above(this);
    const request = { action, name: this.task.name, cells, kept: this.session.kept([this.task]) };
    const reply = await this.session.ask(request, this.box);
    if (reply === null) return;
    this.box.result(reply.items);
    if (action === "commit" && this.stands) {
      this.editor.follow(sent); // what was committed, whatever was typed since
      this.keep(sent);
    }
    this.showCommitted();
  }

  /** Keep what stands in the editor; what was handed out need not be kept. */
  private keep(text: string): void {
    const { task, session } = this;
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
    this.editor.fix();
    this.showEarlier(undefined);
    for (const one of this.onlyBefore) hide(one);
    const run = place(`run-${this.task.cell}`);
    if (!run || !this.task.ran || run.querySelector(".in-page-ran")) return;
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
  return `This task needs ${what}, which no browser has. Download the notebook with your answers, below, and do it there: check("${task.name}") tells how it went. Your points of the other tasks stay.`;
}
