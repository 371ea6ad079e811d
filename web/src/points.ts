/** The points that are kept, beside the headings and on the exercises' index: Python need not be there. */

import { headingOf, make, place } from "./dom";
import type { Manifest } from "./manifest";
import type { Store } from "./store";

/** Show what is kept of every task of the page, or of every notebook of the index. */
export function showPoints(page: Manifest, store: Store): void {
  if (page.kind === "index") showIndex(page, store);
  for (const task of page.tasks) {
    const { points, checks } = store.progress(task.name);
    if (checks === 0) continue;
    forgetBuilt(`check-${task.cell}`, "points");
    const heading = task.graded ? headingOf(place(`answer-${task.cell}`)) : null;
    const done = points >= task.points ? "✓ " : "";
    if (heading) put(heading, `${done}${number(points)} of ${task.points} points`);
  }
}

/** Hide what the build shows of some cells: that nothing was attempted, which is not so any more. */
function forgetBuilt(...cells: string[]): void {
  for (const cell of cells) {
    const output = place(cell)?.querySelector<HTMLElement>(":scope > .cell_output");
    if (output) output.hidden = true;
  }
}

function showIndex(page: Manifest, store: Store): void {
  for (const { page: name, points, tasks } of page.listed) {
    const kept = tasks.map((task) => store.progress(task));
    if (kept.every(({ checks }) => checks === 0)) continue;
    const got = kept.reduce((sum, one) => sum + one.points, 0);
    const link = document.querySelector(`article table a[href$="${name}.html"]`);
    const cell = link?.closest("tr")?.querySelector("td:last-child");
    const text = cell?.querySelector<HTMLElement>("p");
    if (text) put(text, got >= points ? "✓ all" : `${number(got)} so far`);
  }
}

function put(parent: HTMLElement, text: string): void {
  const shown = parent.querySelector(".in-page-points");
  if (shown) shown.textContent = text;
  else parent.append(make("span", { class: "in-page-points" }, text));
}

/** Write points without a needless decimal. */
export const number = (points: number): string => String(Math.round(points * 100) / 100);
