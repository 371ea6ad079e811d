/** The notebook that a reader downloads and hands in, and the one that they bring along. */

import type { Task } from "./manifest";

interface Cell {
  cell_type: string;
  id?: string;
  source: string | string[];
  metadata?: { id?: string };
  outputs?: unknown[];
  execution_count?: number | null;
}

export interface Notebook {
  cells: Cell[];
  nbformat?: number;
}

/** What was found in a notebook that was brought along. */
export interface Found {
  /** The answers, by the task's name. */
  answers: Map<string, string>;
  /** Cells of the reader's own that went to the answer below them: their first lines. */
  joined: string[];
  /** Cells of the reader's own that belong to no answer here: their first lines. */
  left: string[];
}

const OWN_CALL = /^(#.*|(check|hint|solution|commit|progress)\(.*\);?)?$/;

const text = (cell: Cell): string => [cell.source].flat().join("");
const name = (cell: Cell): string => cell.id ?? cell.metadata?.id ?? "";
const firstLine = (source: string): string => source.trim().split("\n", 1)[0] ?? "";

/** Return a copy of a released notebook with answers, by cell id, in place; nothing in it has been run. */
export function fill(released: Notebook, answers: ReadonlyMap<string, string>): Notebook {
  const filled = structuredClone(released);
  for (const cell of filled.cells) {
    if (cell.cell_type !== "code") continue;
    cell.source = answers.get(name(cell)) ?? cell.source;
    cell.outputs = [];
    cell.execution_count = null;
  }
  return filled;
}

/** Write a notebook as Jupyter does. */
export function dumps(notebook: Notebook): string {
  return `${JSON.stringify(notebook, null, 1)}\n`;
}

/** Read a file; the error of one that is no notebook says so in a sentence. */
export function parse(content: string): Notebook {
  let read: unknown;
  try {
    read = JSON.parse(content);
  } catch {
    throw new Error("it is not a notebook: a notebook is JSON, in a file that ends in .ipynb");
  }
  const cells = (read as Notebook | null)?.cells;
  const fair = Array.isArray(cells) && cells.every((cell) => isText(cell?.source) && cell.cell_type);
  if (!fair) throw new Error("it is not a notebook of Jupyter's format 4, which holds a list of cells");
  return read as Notebook;
}

const isText = (source: unknown): boolean =>
  typeof source === "string" || (Array.isArray(source) && source.every((line) => typeof line === "string"));

/**
 * Find the answers to some tasks in a notebook.
 *
 * A cell is an answer's by its id, or because it defines the name that is asked for. A cell of the reader's own
 * goes to the answer below it, which may use it. What is as it was handed out is no answer.
 */
export function read(brought: Notebook, released: Notebook, tasks: readonly Task[]): Found {
  const handedOut = new Map(released.cells.map((cell) => [name(cell), text(cell).trim()]));
  const parts = new Map<string, string[]>();
  const found: Found = { answers: new Map(), joined: [], left: [] };
  let waiting: string[] = [];
  for (const cell of brought.cells) {
    const source = text(cell);
    if (cell.cell_type !== "code" || source.trim() === "") continue;
    if (handedOut.get(name(cell)) === source.trim() || source.split("\n").every(isOwnCall)) continue;
    const task = tasks.find((one) => name(cell) === `answer-${one.cell}` || defines(source, one));
    if (!task) {
      waiting.push(source.trim());
      continue;
    }
    found.joined.push(...waiting.map(firstLine));
    parts.set(task.name, [...(parts.get(task.name) ?? []), ...waiting, source.replace(/\s+$/, "")]);
    waiting = [];
  }
  for (const [task, sources] of parts) found.answers.set(task, sources.join("\n\n\n"));
  found.left = waiting.map(firstLine);
  return found;
}

const isOwnCall = (line: string): boolean => OWN_CALL.test(line.trim());

/** Return whether a cell defines what a task asks for, at the start of a line. */
function defines(source: string, { asks }: Task): boolean {
  return new RegExp(`^(?:def\\s+${asks}\\b|${asks}\\s*(?::|=(?!=)))`, "m").test(source);
}
