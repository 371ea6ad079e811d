/** What a click on a start button loads: the editors, and Python with them. */

import { codeCells } from "./code";
import type { Manifest } from "./manifest";
import { Session } from "./session";
import type { Store } from "./store";
import { taskCells } from "./tasks";
import { transfer } from "./transfer";

let session: Session | undefined;

/** Do the page's tasks here. */
export function beginTasks(page: Manifest, store: Store, bar: HTMLElement): void {
  session ??= new Session(page, store);
  const end = transfer(session, taskCells(session));
  session.open(bar, end && (() => end.downloadButton()));
}

/** Run the page's code here. */
export function beginCode(page: Manifest, store: Store, bar: HTMLElement): void {
  session ??= new Session(page, store);
  codeCells(session);
  session.open(bar);
}
