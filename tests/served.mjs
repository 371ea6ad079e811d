// Run a Python script in the page's own Python and print, as JSON, what a function that it defines returns.
// node served.mjs FOLDER SCRIPT FUNCTION PACKAGE...
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, script, name, ...packages] = process.argv.slice(2);
const core = join(folder, JSON.parse(readFileSync(join(folder, "files.json"), "utf8")).core);
const { loadPyodide } = await import(pathToFileURL(join(core, "pyodide.mjs")).href);
// All that is printed goes to stderr, so that stdout is the answer alone.
const python = await loadPyodide({
  indexURL: core,
  lockFileURL: join(folder, "pyodide-lock.json"),
  stdout: console.error,
});
const loaded = await python.loadPackage(packages, { messageCallback: console.error });
// It returns without a package, and without an error, where the file is not what the lock says.
const lacking = packages.filter((wanted) => !loaded.some((one) => one.name === wanted));
if (lacking.length) throw new Error(`not loaded: ${lacking}`);
python.runPython(readFileSync(script, "utf8"));
process.stdout.write(python.runPython(`import json; json.dumps(${name}())`));
