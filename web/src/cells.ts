/** What a click on a start button loads: the editors, and Python with them. */

import { codeCells } from "./code";
import type { Manifest } from "./manifest";
import { Session } from "./session";
import { taskCells } from "./tasks";
import { transfer } from "./transfer";

let session: Session | undefined;

/** Do the page's tasks here. */
export function beginTasks(page: Manifest, bar: HTMLElement): void {
  session ??= new Session(page);
  transfer(session, taskCells(session));
  session.open(bar);
}

/** Run the page's code here. */
export function beginCode(page: Manifest, bar: HTMLElement): void {
  session ??= new Session(page);
  codeCells(session);
  session.open(bar);
}
