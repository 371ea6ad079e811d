/** The code cells of a chapter's page: an editor in place of each, run in the page as in a notebook. */

import { Box } from "./box";
import { button, make, place, row } from "./dom";
import { Editor } from "./editor";
import type { Runnable } from "./manifest";
import type { Item, Request } from "./python";
import { KEYS, type Session } from "./session";

const STILL =
  "This is one picture, where the sliders start. Below is the figure as it was built, with its sliders.";

/** One code cell that can run here. */
class CodeCell {
  readonly title: string;
  readonly editor: Editor;
  private readonly box: Box;
  /** What the build shows, less captions, which stay. */
  private readonly built: HTMLElement[];
  private readonly explorer: boolean;

  constructor(
    number: number,
    private readonly runnable: Runnable,
    private readonly session: Session,
    private readonly upTo: (cell: CodeCell) => Request["cells"],
    where: HTMLElement,
  ) {
    this.title = `Code cell ${number}`;
    const host = make("div", { class: "in-page-editor highlight" });
    this.editor = new Editor(host, {
      text: runnable.source,
      label: this.title,
      describedBy: KEYS,
      changed: () => {},
      submit: () => void this.run(),
    });
    const stop = session.stopButton();
    this.box = new Box(`What ${this.title.toLowerCase()} shows`, stop);
    this.built = built(where);
    this.explorer = where.querySelector(".explorer") !== null;
    const run = session.button("Run", () => void this.run(), "in-page-main");
    const name = make("span", { class: "in-page-note" }, this.title);
    const buttons = row(
      this.title,
      run,
      button("Start again", () => this.startAgain()),
      stop,
      name,
    );
    // Of a folded cell it stands in the fold, and so do the editor and what it shows.
    const input = where.querySelector<HTMLElement>(".cell_input");
    input?.replaceWith(host);
    host.after(buttons, this.box.element);
    this.box.element.classList.add("cell_output");
  }

  /** Run it, after what stands above and has not run yet; what it shows takes the place of what was built. */
  private async run(): Promise<void> {
    const request = { action: "cell" as const, name: "", cells: this.upTo(this), kept: {} };
    const reply = await this.session.ask(request, this.box, true);
    if (reply === null) return;
    const failed = reply.items.some(({ kind }) => kind === "trouble");
    for (const output of this.built) output.hidden = !failed && !this.explorer;
    const alt = this.editor.text === this.runnable.source ? this.runnable.alt : "";
    const still: Item[] = this.explorer && !failed ? [{ kind: "note", text: STILL }] : [];
    this.box.result([...reply.items, ...still], alt || undefined);
  }

  private startAgain(): void {
    this.editor.put(this.runnable.source);
    for (const output of this.built) output.hidden = false;
    this.box.show([]);
  }
}

/** Return what the build shows of a cell: the figures without their captions, and all else. */
function built(where: HTMLElement): HTMLElement[] {
  const outputs = [...where.querySelectorAll<HTMLElement>(".cell_output")];
  const parts = outputs.flatMap((output) => [...output.querySelectorAll<HTMLElement>(":scope > figure > *")]);
  const whole = outputs.filter((output) => !output.querySelector(":scope > figure"));
  return [...whole, ...parts.filter((part) => part.tagName !== "FIGCAPTION")];
}

/** Put an editor in place of each code cell that can run in the page; say of the others why not. */
export function codeCells(session: Session): void {
  const cells: CodeCell[] = [];
  const upTo = (last: CodeCell): Request["cells"] =>
    cells.slice(0, cells.indexOf(last) + 1).map(({ title, editor }) => ({ title, source: editor.text }));
  session.page.runnable.forEach((runnable, index) => {
    const where = place(runnable.id);
    if (!where) return;
    if (runnable.reason) {
      const said = `It does not run in the page: it ${runnable.reason}.`;
      where.querySelector(".cell_input")?.after(make("p", { class: "in-page-note" }, said));
    } else cells.push(new CodeCell(index + 1, runnable, session, upTo, where));
  });
}
