/** A storage as a browser has it, which can be full. */
export class Memory implements Storage {
  readonly entries = new Map<string, string>();
  /** The characters that it takes; beyond them it throws, as a browser does. */
  room = Number.POSITIVE_INFINITY;

  get length(): number {
    return this.entries.size;
  }

  key(index: number): string | null {
    return [...this.entries.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (value.length > this.room) throw new DOMException("no room", "QuotaExceededError");
    this.entries.set(key, value);
  }

  removeItem(key: string): void {
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }
}
