import { describe, expect, test } from "vitest";
import type { Task } from "../src/manifest";
import { dumps, fill, type Notebook, parse, read } from "../src/notebook";

const STUB = 'def bn_forward(x):\n    raise NotImplementedError("bn.forward")  # your code goes here';
const CHOICES = 'BN_REASONS = {\n    "bias": None,\n}';

const task = (name: string, asks: string, stub: string): Task => ({
  name,
  title: name,
  points: 1,
  graded: true,
  cell: name.replace(".", "-"),
  asks,
  stub,
  digest: "now",
  statements: [],
  lacks: [],
  ran: "",
});
const TASKS = [task("bn.forward", "bn_forward", STUB), task("bn.reasons", "BN_REASONS", CHOICES)];

const code = (id: string, source: string | string[]) => ({ cell_type: "code", id, source, metadata: {} });
const released: Notebook = {
  cells: [
    { cell_type: "markdown", id: "title", source: "# BatchNorm by hand" },
    code("setup", "import numpy as np"),
    { ...code("answer-bn-forward", STUB.split(/(?<=\n)/)), outputs: [], execution_count: 2 },
    { ...code("check-bn-forward", 'check("bn.forward")'), outputs: [{ text: "no" }], execution_count: 3 },
    code("answer-bn-reasons", CHOICES),
    code("check-bn-reasons", 'check("bn.reasons")'),
    code("points", 'progress("batchnorm")'),
  ],
  nbformat: 4,
};
const RIGHT = "def bn_forward(x):\n    return x - x.mean(0)";
const brought = (...cells: Notebook["cells"]): Notebook => ({ cells });

describe("a notebook to download", () => {
  const filled = fill(released, new Map([["answer-bn-forward", RIGHT]]));

  test("has the answers in their cells and all else as it was", () => {
    expect(filled.cells.map(({ source }) => [source].flat().join(""))).toEqual(
      released.cells.map(({ id, source }) => (id === "answer-bn-forward" ? RIGHT : [source].flat().join(""))),
    );
  });

  test("claims no outputs that its answers did not give", () => {
    const cells = filled.cells.filter(({ cell_type }) => cell_type === "code");
    expect(
      cells.every(({ outputs, execution_count }) => outputs?.length === 0 && execution_count === null),
    ).toBe(true);
    expect(released.cells[3]?.outputs).toHaveLength(1);
  });

  test("comes back as it went", () => {
    const again = read(parse(dumps(filled)), released, TASKS);
    expect(again).toEqual({ answers: new Map([["bn.forward", RIGHT]]), joined: [], left: [] });
  });
});

describe("a notebook that is brought along", () => {
  test("that was not begun holds no answers", () => {
    expect(read(released, released, TASKS)).toEqual({ answers: new Map(), joined: [], left: [] });
  });

  test("is read by what its cells define where it has lost its ids", () => {
    const cells = [code("", "import numpy as np"), code("", RIGHT), code("", 'BN_REASONS = {"bias": "no"}')];
    const { answers } = read(brought(...cells), released, TASKS);
    expect([...answers.keys()]).toEqual(["bn.forward", "bn.reasons"]);
  });

  test("is read by the ids that Colab keeps in the metadata", () => {
    const cell = { cell_type: "code", source: RIGHT, metadata: { id: "answer-bn-forward" } };
    expect(read(brought(cell), released, TASKS).answers.get("bn.forward")).toBe(RIGHT);
  });

  test("keeps a helper cell with the answer below it, and says so", () => {
    const found = read(
      brought(code("mine", "def centre(x):\n    return x - x.mean(0)"), code("answer-bn-forward", RIGHT)),
      released,
      TASKS,
    );
    expect(found.answers.get("bn.forward")).toBe(`def centre(x):\n    return x - x.mean(0)\n\n\n${RIGHT}`);
    expect(found.joined).toEqual(["def centre(x):"]);
  });

  test("has an answer's parts in their order, so that the last definition counts", () => {
    const later = "def bn_forward(x):\n    return x";
    const found = read(brought(code("answer-bn-forward", RIGHT), code("mine", later)), released, TASKS);
    expect(found.answers.get("bn.forward")).toBe(`${RIGHT}\n\n\n${later}`);
  });

  test("says which of its cells belong to no answer, and passes over calls of check", () => {
    const cells = [
      code("answer-bn-forward", RIGHT),
      code("a", 'check("bn.forward")\n# again\nhint("bn.forward")'),
      code("b", "print(bn_forward(x))"),
      { cell_type: "markdown", source: "my notes" },
    ];
    expect(read(brought(...cells), released, TASKS).left).toEqual(["print(bn_forward(x))"]);
  });

  test("does not take a call or a longer name for a definition", () => {
    const cells = [
      code("a", "bn_forward(x)"),
      code("b", "def bn_forward2(x): pass"),
      code("c", "BN_REASONS == {}"),
    ];
    expect(read(brought(...cells), released, TASKS).answers.size).toBe(0);
  });

  test.each(["", "{", "[]", "null", '{"cells": 3}', '{"cells": [{"cell_type": "code", "source": 3}]}'])(
    "of the content %s is refused with a reason",
    (content) => {
      expect(() => parse(content)).toThrow(/not a notebook/);
    },
  );
});
