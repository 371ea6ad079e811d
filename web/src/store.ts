/** What the browser keeps between visits: one entry for each answer and for each task's progress. */

import {
  type Answer,
  mergeAnswer,
  mergeProgress,
  NOTHING,
  type Progress,
  readAnswer,
  readProgress,
} from "./merge";

const PREFIX = "normcourse/";
const ANSWER = `${PREFIX}answer/`;
const PROGRESS = `${PREFIX}progress/`;

/** Why the browser keeps nothing. */
export type Refusal = "full" | "refused";

/** The browser's storage, which may be switched off, full, or written to by another tab. */
export class Store {
  /** What could not be written lasts as long as the page. */
  private readonly unkept = new Map<string, string>();
  private refusing = false;
  /** What this tab last read or wrote, by key: what differs from it is another tab's. */
  private readonly known = new Map<string, string>();

  /**
   * @param storage Where to keep it; null where the browser has none to give.
   * @param refused Called when something could not be kept, and with null once all is.
   */
  constructor(
    private readonly storage: Storage | null,
    public refused: (why: Refusal | null) => void = () => {},
  ) {}

  /** Whether something lasts only as long as the page. */
  get atRisk(): boolean {
    return this.unkept.size > 0;
  }

  /** Return what is kept of an answer, whatever task it was for; null if nothing is. */
  answer(page: string, cell: string): Answer | null {
    const key = `${ANSWER}${page}/${cell}`;
    const kept = readAnswer(this.read(key));
    if (kept) this.known.set(key, kept.text);
    return kept;
  }

  /** Keep an answer, and return what is kept now. */
  keepAnswer(page: string, cell: string, next: Answer): Answer {
    const key = `${ANSWER}${page}/${cell}`;
    const merged = mergeAnswer(readAnswer(this.read(key)), this.known.get(key) ?? null, next);
    this.known.set(key, merged.text);
    this.write(key, merged);
    return merged;
  }

  /** Forget an answer and what stood there before. */
  forgetAnswer(page: string, cell: string): void {
    const key = `${ANSWER}${page}/${cell}`;
    this.known.delete(key);
    this.unkept.delete(key);
    try {
      this.storage?.removeItem(key);
    } catch {
      this.refused("refused");
    }
  }

  /** Return what is known of a task. */
  progress(task: string): Progress {
    return readProgress(this.read(`${PROGRESS}${task}`)) ?? NOTHING;
  }

  /** Merge what came of a task into what is kept. */
  keepProgress(task: string, newer: unknown): void {
    const read = readProgress(newer);
    if (read) this.write(`${PROGRESS}${task}`, mergeProgress(this.progress(task), read));
  }

  /** Forget a commitment: it was of other statements than the task's. */
  forgetCommitment(task: string): void {
    this.write(`${PROGRESS}${task}`, { ...this.progress(task), committed: null });
  }

  /** Say which answer's cell or which task an event of the storage is about. */
  static about(key: string | null, page: string): { cell: string } | { task: string } | null {
    if (key?.startsWith(`${ANSWER}${page}/`)) return { cell: key.slice(`${ANSWER}${page}/`.length) };
    if (key?.startsWith(PROGRESS)) return { task: key.slice(PROGRESS.length) };
    return null;
  }

  private read(key: string): unknown {
    try {
      const text = this.unkept.get(key) ?? this.storage?.getItem(key);
      return text ? JSON.parse(text) : null;
    } catch {
      return null; // switched off while the page is open, or not ours
    }
  }

  private write(key: string, value: unknown): void {
    this.unkept.set(key, JSON.stringify(value));
    try {
      if (this.storage === null) throw new DOMException("no storage", "SecurityError");
      for (const [waiting, text] of [...this.unkept].reverse()) {
        this.storage.setItem(waiting, text);
        this.unkept.delete(waiting);
      }
      if (this.refusing) this.refused(null);
      this.refusing = false;
    } catch (error) {
      this.refusing = true;
      const full = error instanceof DOMException && error.name === "QuotaExceededError";
      this.refused(full ? "full" : "refused");
    }
  }
}

/** Return the browser's storage, or null where asking for it is refused. */
export function browserStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
