/** Python, in a worker: a loop without end then stops nothing but the worker. */

import * as Comlink from "comlink";
import type { PyodideInterface } from "pyodide";
import { whyNot } from "./dom";
import { type Files, Loader, LoadingError } from "./loading";

/** What the worker says while it works, beside its answers. */
export type News = { loaded: number; total: number } | { starting: true } | { runs: string };

// "Building the font cache" would be the first thing that a reader is told.
const QUIET = `
import logging
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
import matplotlib.pyplot
`;

const tell = (news: News): void => self.postMessage(news);

// Figures are drawn into memory, and explorers as one picture: their frames would take seconds.
const ENVIRONMENT = { HOME: "/home/pyodide", MPLBACKEND: "agg", NORMCOURSE_EXPLORE: "still" };

let loader: Loader;
let python: PyodideInterface;
let answer: (request: string, starts: (title: string) => void) => string;

// What Pyodide asks for has been fetched, with its hash and side by side.
const fetcher = self.fetch.bind(self);
self.fetch = async (input, init) => {
  const address = input instanceof Request ? input.url : String(input);
  return (await loader?.take(address)) ?? fetcher(input, init);
};

async function start(base: string): Promise<void> {
  const index = `${base}files.json`;
  let files: { core: string; files: Files };
  try {
    files = await (await fetcher(index)).json();
  } catch {
    throw new LoadingError(`the list of Python's files did not come: ${await whyNot(index)}`);
  }
  loader = new Loader(base, files.files, (loaded, total) => tell({ loaded, total }), fetcher);
  await loader.load("exercises");
  tell({ starting: true });
  const core = new URL(files.core, base).href;
  const { loadPyodide } = await import(`${core}pyodide.mjs`);
  python = await loadPyodide({
    indexURL: core,
    lockFileURL: `${base}pyodide-lock.json`,
    env: ENVIRONMENT,
  });
  await packages("normcourse");
  loader.clear();
  answer = python.pyimport("normcourse.exercises.page").answer;
}

/** Load what figures need; it is there after the first time. */
async function loadFigures(): Promise<void> {
  await loader.load("figures");
  tell({ starting: true });
  await packages("normcourse-pages");
  python.runPython(QUIET);
}

// Not loadPyodide's own `packages`: where a file fails its hash, that never answers (0.27.7). This one returns
// without the package, and without an error.
async function packages(name: string): Promise<void> {
  const complaints: string[] = [];
  await python.loadPackage(name, { errorCallback: (line) => complaints.push(line) });
  if (!(name in python.loadedPackages)) {
    throw new LoadingError(complaints.join(" ") || `${name} could not be loaded`);
  }
}

const api = {
  start,
  loadFigures,
  ask: (request: string): string => answer(request, (title) => tell({ runs: title })),
};

export type Api = typeof api;

Comlink.expose(api);
