/** The end of an exercise's page: the points, and the notebook that goes out and comes in. */

import { Box } from "./box";
import { button, make, place, row } from "./dom";
import { dumps, type Found, fill, type Notebook, parse, read } from "./notebook";
import type { Session } from "./session";
import type { TaskCell } from "./tasks";

const LARGEST = 8e6; // bytes of a notebook that is brought along: one of ours has some 30 thousand
const LABEL = "Points and notebook";
const NOTE =
  "Your answers and points are kept in this browser. To go on elsewhere, or to hand in, download the notebook; the grader runs it again.";

const FELL_SHORT =
  "The notebook has what stands in the editors. Of these tasks an earlier answer of yours earned more:";

export class Transfer {
  private readonly box: Box;
  private notebook: Promise<Notebook>;

  constructor(
    private readonly session: Session,
    private readonly cells: readonly TaskCell[],
    last: HTMLElement,
  ) {
    const stop = session.stopButton();
    this.box = new Box(`What came of it: ${LABEL}`, stop);
    this.notebook = this.released();
    this.notebook.catch(() => {}); // it is asked for again when it is needed
    const choose = make("input", { type: "file", accept: ".ipynb,application/x-ipynb+json", hidden: true });
    choose.addEventListener("change", () => void this.upload(choose));
    const points = session.button("Show my points", () => void this.showPoints());
    const upload = button("Take answers from a notebook", () => choose.click());
    const buttons = row(LABEL, points, this.downloadButton(), upload, choose, stop);
    last.replaceChildren(buttons, make("p", { class: "in-page-note" }, NOTE), this.box.element);
  }

  downloadButton(): HTMLButtonElement {
    return button("Download the notebook with my answers", () => void this.download());
  }

  private async showPoints(): Promise<void> {
    const { page } = this.session;
    const kept = this.session.kept(page.tasks);
    const reply = await this.session.ask({ action: "progress", name: page.name, cells: [], kept }, this.box);
    if (reply) this.box.show(reply.items);
  }

  private async released(): Promise<Notebook> {
    const answer = await fetch(this.session.page.notebook);
    if (!answer.ok) throw new Error(`the notebook did not come (status ${answer.status})`);
    return parse(await answer.text());
  }

  /** Return the notebook as it was released: fetched once, while there is a network. */
  private held(): Promise<Notebook> {
    this.notebook = this.notebook.catch(() => this.released());
    return this.notebook;
  }

  private async download(): Promise<void> {
    const { page, store } = this.session;
    const answers = new Map<string, string>();
    for (const task of page.tasks) {
      const cell = this.cells.find((one) => one.task === task);
      const text = cell?.editor.text ?? store.answer(page.name, task.cell)?.text;
      if (text !== undefined) answers.set(`answer-${task.cell}`, text);
    }
    try {
      const content = dumps(fill(await this.held(), answers));
      const address = URL.createObjectURL(new Blob([content], { type: "application/x-ipynb+json" }));
      make("a", { href: address, download: page.notebook.split("/").pop() }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
      const short = this.cells.filter(({ fellShort }) => fellShort).map(({ task }) => `“${task.title}”`);
      if (short.length > 0) this.box.say(`${FELL_SHORT} ${short.join(", ")}.`);
    } catch (error) {
      this.box.trouble(`Nothing was downloaded: ${(error as Error).message}.`);
    }
  }

  /** Take the answers out of a notebook; what they replace is kept beside them. */
  private async upload(choose: HTMLInputElement): Promise<void> {
    const file = choose.files?.[0];
    if (!file) return;
    try {
      if (file.size > LARGEST) throw new Error("it is too large to be a notebook of this course");
      const found = read(parse(await file.text()), await this.held(), this.session.page.tasks);
      if (found.answers.size === 0) throw new Error("it holds no answer to a task of this page");
      this.box.say(`From ${file.name}:`, ...this.take(found));
    } catch (error) {
      this.box.trouble(`${file.name} was not taken: ${(error as Error).message}.`);
    }
    choose.value = "";
    this.box.element.scrollIntoView({ block: "nearest" });
  }

  private take({ answers, joined, left }: Found): string[] {
    const { page, store } = this.session;
    const said: string[] = [];
    for (const task of page.tasks) {
      const text = answers.get(task.name);
      if (text === undefined) continue;
      const cell = this.cells.find((one) => one.task === task);
      if (!cell) {
        store.keepAnswer(page.name, task.cell, { text, of: task.digest });
        said.push(`“${task.title}” is kept for the next download.`);
      } else if (cell.take(text))
        said.push(
          `“${task.title}” is in its editor now: ${task.statements.length > 0 ? "commit" : "check"} it for its points.`,
        );
      else said.push(`“${task.title}” is committed here, and stays as it was.`);
    }
    const list = (lines: string[]): string => lines.map((line) => `“${line}”`).join(", ");
    if (joined.length > 0) said.push(`Cells of your own went into the answer below them: ${list(joined)}.`);
    if (left.length > 0) said.push(`Not taken, because no answer stands below: ${list(left)}.`);
    return said;
  }
}

/** Put it in place of the cell that shows the points, where a page has one. */
export function transfer(session: Session, cells: readonly TaskCell[]): Transfer | null {
  const last = place("points");
  return last && new Transfer(session, cells, last);
}
