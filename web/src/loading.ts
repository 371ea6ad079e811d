/** Fetch Python's files: all at once, each with its hash, and with a count of what has arrived. */

/** What `files.json` says of a file: bytes, bytes as sent, hash, and what it is for. */
export interface Entry {
  size: number;
  sent: number;
  integrity: string;
  group: string;
}

export type Files = Record<string, Entry>;

const TYPES: Record<string, string> = {
  js: "text/javascript",
  json: "application/json",
  mjs: "text/javascript",
  wasm: "application/wasm",
};

/** A file that did not come, or came changed: the message says which and what to do. */
export class LoadingError extends Error {}

/** Holds what was fetched until it is asked for, once. */
export class Loader {
  private readonly held = new Map<string, Promise<ArrayBuffer>>();
  /** What the latest load has brought, and what it is to bring. */
  private coming = { sent: 0, total: 0 };

  /**
   * @param base An absolute address that ends in a slash.
   * @param files The files, by their addresses from there.
   * @param progress Called with the bytes that have arrived, and all that are awaited, as sent.
   * @param fetcher Fetches one file.
   */
  constructor(
    private readonly base: string,
    private readonly files: Files,
    private readonly progress: (sent: number, total: number) => void,
    private readonly fetcher: typeof fetch,
  ) {}

  /** Fetch all files of a group; the promise fails with the first that fails. */
  async load(group: string): Promise<void> {
    const wanted = Object.entries(this.files).filter(([, entry]) => entry.group === group);
    const coming = { sent: 0, total: wanted.reduce((sum, [, entry]) => sum + entry.sent, 0) };
    this.coming = coming;
    const count = (bytes: number): void => {
      coming.sent += bytes;
      if (coming === this.coming) this.progress(coming.sent, coming.total);
    };
    for (const [path, entry] of wanted) {
      const address = new URL(path, this.base).href;
      this.held.set(address, this.bytes(address, entry, count));
    }
    await Promise.all(this.held.values());
  }

  /** Let go of what nobody has asked for. */
  clear(): void {
    this.held.clear();
  }

  /** Return what was fetched from an address as if it came just now; undefined for any other address. */
  async take(address: string): Promise<Response | undefined> {
    const bytes = this.held.get(address);
    if (!bytes) return undefined;
    this.held.delete(address);
    const type = TYPES[address.split(".").pop() ?? ""] ?? "application/octet-stream";
    return new Response(await bytes, { headers: { "Content-Type": type } });
  }

  private async bytes(address: string, entry: Entry, count: (bytes: number) => void): Promise<ArrayBuffer> {
    const name = nameOf(address);
    const answer = await this.ask(address, entry);
    const parts = new Uint8Array(entry.size);
    let at = 0;
    try {
      if (!answer.body) throw new TypeError("no body");
      for (const reader = answer.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.set(value, at); // a RangeError where more comes than there should be
        at += value.length;
        count((value.length / entry.size) * entry.sent);
      }
    } catch {
      throw new LoadingError(`${name} stopped on its way: is the network there?`);
    }
    if (at !== entry.size) throw new LoadingError(`${name} came in part: ${at} of ${entry.size} bytes`);
    return parts.buffer;
  }

  private async ask(address: string, entry: Entry): Promise<Response> {
    const name = nameOf(address);
    let answer: Response;
    try {
      answer = await this.fetcher(address, { integrity: entry.integrity });
    } catch {
      throw new LoadingError(
        `${name} did not come, or is not the file that was published: its hash must be ${entry.integrity}`,
      );
    }
    if (!answer.ok) throw new LoadingError(`${name} is not there (status ${answer.status})`);
    return answer;
  }
}

function nameOf(address: string): string {
  return address.slice(address.lastIndexOf("/") + 1);
}
