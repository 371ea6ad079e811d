/**
 * Bundle the front end into a folder: `node web/build.js FOLDER` writes the scripts and the style sheet, under
 * names that change with what is in them, and prints the names as JSON.
 */

import { basename } from "node:path";
import { build } from "esbuild";

const folder = process.argv[2];
const options = {
  absWorkingDir: import.meta.dirname,
  bundle: true,
  entryNames: "[name]-[hash]",
  legalComments: "eof",
  logLevel: "warning",
  metafile: true,
  minify: true,
  outdir: folder,
  target: "es2022",
};

const made = await Promise.all([
  build({ ...options, entryPoints: ["src/cells.ts", "src/worker.ts"], format: "esm" }),
  // Classic, because a page that was opened as a file loads no module, and has to say so.
  build({ ...options, entryPoints: ["src/start.ts", "src/in-page.css"], format: "iife" }),
]);
const outputs = made.flatMap(({ metafile }) => Object.entries(metafile.outputs));
const names = outputs.map(([path, { entryPoint }]) => [basename(entryPoint), basename(path)]);
process.stdout.write(JSON.stringify(Object.fromEntries(names)));
