/** What is kept of a task and of an answer, and what becomes of two versions of either. */

/** A task's progress, as normcourse.exercises.store has it. */
export interface Progress {
  points: number;
  checks: number;
  hints: number;
  solution: boolean;
  committed: Record<string, number> | null;
}

/** An answer: its text, and the digest of the task that it answers. */
export interface Answer {
  text: string;
  of: string;
  /** What stood there before and was not the reader's own change: of an older task, or of another tab. */
  earlier?: string;
}

export const NOTHING: Progress = { points: 0, checks: 0, hints: 0, solution: false, committed: null };

/** Merge two states of a task: nothing that was reached is lost, and a commitment stays the first. */
export function mergeProgress(kept: Progress, newer: Progress): Progress {
  return {
    points: Math.max(kept.points, newer.points),
    checks: Math.max(kept.checks, newer.checks),
    hints: Math.max(kept.hints, newer.hints),
    solution: kept.solution || newer.solution,
    committed: kept.committed ?? newer.committed,
  };
}

/** Return whether a forecast is committed: for each statement of the task as it is now. */
export function stands({ committed }: Progress, statements: readonly string[]): boolean {
  return committed !== null && statements.every((name) => name in committed);
}

/**
 * Return what to keep when a text is written over a kept answer.
 *
 * @param kept What lies there now, of this tab or another, or of an older task.
 * @param known The text that this tab last read or wrote there.
 * @param next What is written.
 */
export function mergeAnswer(kept: Answer | null, known: string | null, next: Answer): Answer {
  if (kept === null) return next;
  const foreign = kept.of !== next.of || (kept.text !== known && kept.text !== next.text);
  const earlier = next.earlier ?? (foreign ? kept.text : kept.earlier);
  const { earlier: _, ...plain } = next;
  return earlier === undefined || earlier === next.text ? plain : { ...plain, earlier };
}

const isCount = (value: unknown): value is number => typeof value === "number" && value >= 0;

/** Return a task's progress out of what was stored, or null if it is none. */
export function readProgress(stored: unknown): Progress | null {
  if (typeof stored !== "object" || stored === null) return null;
  const { points, checks, hints, solution, committed } = { ...NOTHING, ...stored } as Record<
    keyof Progress,
    unknown
  >;
  const fair = isCount(points) && isCount(checks) && isCount(hints) && typeof solution === "boolean";
  if (!fair || (committed !== null && typeof committed !== "object")) return null;
  return { points, checks, hints, solution, committed: committed as Progress["committed"] };
}

/** Return an answer out of what was stored, or null if it is none. */
export function readAnswer(stored: unknown): Answer | null {
  if (typeof stored !== "object" || stored === null) return null;
  const { text, of, earlier } = stored as Record<keyof Answer, unknown>;
  if (typeof text !== "string" || typeof of !== "string") return null;
  return typeof earlier === "string" ? { text, of, earlier } : { text, of };
}
