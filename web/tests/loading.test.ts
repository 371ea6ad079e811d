import { expect, test } from "vitest";
import { type Entry, type Files, Loader, LoadingError } from "../src/loading";

const BASE = "http://127.0.0.1/python/";
const CONTENT: Record<string, Uint8Array> = {
  "a.wasm": new Uint8Array(1000).fill(1),
  "b.whl": new Uint8Array(500).fill(2),
  "late.whl": new Uint8Array(70).fill(3),
};

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256-${btoa(String.fromCharCode(...digest))}`;
}

async function entry(name: string, sent: number, group = "exercises"): Promise<Entry> {
  const bytes = CONTENT[name] as Uint8Array<ArrayBuffer>;
  return { size: bytes.length, sent, integrity: await hash(bytes), group };
}

const FILES: Files = {
  "a.wasm": await entry("a.wasm", 300),
  "b.whl": await entry("b.whl", 500),
  "late.whl": await entry("late.whl", 70, "figures"),
};

/** Answers as a browser does: it refuses bytes whose hash is another one. */
function server(content: Record<string, Uint8Array>): typeof fetch {
  return async (input, init) => {
    const bytes = content[String(input).slice(BASE.length)] as Uint8Array<ArrayBuffer> | undefined;
    if (!bytes) return new Response(null, { status: 404 });
    if (init?.integrity && init.integrity !== (await hash(bytes))) throw new TypeError("Failed to fetch");
    return new Response(bytes);
  };
}

test("all files of a group come, and are handed out once as what they are", async () => {
  const told: number[][] = [];
  const loader = new Loader(BASE, FILES, (...numbers) => told.push(numbers), server(CONTENT));
  await loader.load("exercises");
  expect(told.at(-1)).toEqual([800, 800]);
  expect(told.every(([loaded, total]) => (loaded ?? 0) <= 800 && total === 800)).toBe(true);
  const wasm = await loader.take(`${BASE}a.wasm`);
  expect(wasm?.headers.get("Content-Type")).toBe("application/wasm");
  expect(new Uint8Array((await wasm?.arrayBuffer()) ?? new ArrayBuffer(0))).toEqual(CONTENT["a.wasm"]);
  expect(await loader.take(`${BASE}a.wasm`)).toBeUndefined();
  expect(await loader.take(`${BASE}late.whl`)).toBeUndefined();
});

test("a file that lies beside the folder is fetched, handed out and named by its own address", async () => {
  const beside: Files = { "../core/a.wasm": await entry("a.wasm", 300) };
  const asked: string[] = [];
  const fetcher = (async (input) => {
    asked.push(String(input));
    return new Response(CONTENT["a.wasm"] as Uint8Array<ArrayBuffer>);
  }) as typeof fetch;
  const loader = new Loader(BASE, beside, () => {}, fetcher);
  await loader.load("exercises");
  expect(asked).toEqual(["http://127.0.0.1/core/a.wasm"]);
  expect(await loader.take("http://127.0.0.1/core/a.wasm")).toBeDefined();
  const lost = new Loader(BASE, beside, () => {}, server({}));
  await expect(lost.load("exercises")).rejects.toThrow(/^a\.wasm is not there/);
});

test("a file that was changed is refused by its name", async () => {
  const changed = { ...CONTENT, "b.whl": new Uint8Array(500).fill(9) };
  const loader = new Loader(BASE, FILES, () => {}, server(changed));
  await expect(loader.load("exercises")).rejects.toThrow(/^b\.whl .* its hash must be sha256-/);
});

test("a file that is not there is named", async () => {
  const { "a.wasm": _, ...rest } = CONTENT;
  const loader = new Loader(BASE, FILES, () => {}, server(rest));
  await expect(loader.load("exercises")).rejects.toThrow("a.wasm is not there (status 404)");
});

test.each([
  ["less", 400],
  ["more", 600],
])("a file with %s bytes than it should have is not taken", async (_, length) => {
  const fetcher = (async (input) => {
    const short = String(input).endsWith("b.whl");
    return new Response(short ? new Uint8Array(length) : (CONTENT["a.wasm"] as Uint8Array<ArrayBuffer>));
  }) as typeof fetch;
  await expect(new Loader(BASE, FILES, () => {}, fetcher).load("exercises")).rejects.toThrow(LoadingError);
});
