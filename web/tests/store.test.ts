import { beforeEach, describe, expect, test } from "vitest";
import { NOTHING } from "../src/merge";
import { type Refusal, Store } from "../src/store";
import { Memory } from "./memory";

const PAGE = "batchnorm";
const CELL = "bn-forward";
const answer = (text: string, of = "now") => ({ text, of });

let memory: Memory;
let refusals: (Refusal | null)[];
let store: Store;

beforeEach(() => {
  memory = new Memory();
  refusals = [];
  store = new Store(memory, (why) => refusals.push(why));
});

describe("what is kept", () => {
  test("is there for a later visit", () => {
    store.keepAnswer(PAGE, CELL, answer("x"));
    store.keepProgress("bn.forward", { ...NOTHING, points: 2, checks: 1 });
    const later = new Store(memory);
    expect(later.answer(PAGE, CELL)).toEqual(answer("x"));
    expect(later.progress("bn.forward").points).toBe(2);
  });

  test("has an entry of its own for each answer and task", () => {
    store.keepAnswer(PAGE, CELL, answer("x"));
    store.keepAnswer(PAGE, "bn-backward", answer("y"));
    store.keepProgress("bn.forward", NOTHING);
    expect(memory.length).toBe(3);
    expect(refusals).toEqual([]);
  });

  test("is forgotten when asked", () => {
    store.keepAnswer(PAGE, CELL, answer("x"));
    store.forgetAnswer(PAGE, CELL);
    expect(store.answer(PAGE, CELL)).toBeNull();
  });

  test("that is not ours is as if it were not there", () => {
    memory.setItem("normcourse/progress/bn.forward", "{");
    memory.setItem("normcourse/answer/batchnorm/bn-forward", '{"text": 3}');
    expect(store.progress("bn.forward")).toEqual(NOTHING);
    expect(store.answer(PAGE, CELL)).toBeNull();
  });
});

test("a commitment can be forgotten, and nothing else of a task", () => {
  store.keepProgress("bn.forward", { ...NOTHING, points: 2, committed: { old: 0.5 } });
  store.forgetCommitment("bn.forward");
  expect(store.progress("bn.forward")).toEqual({ ...NOTHING, points: 2 });
});

describe("two tabs", () => {
  let other: Store;
  beforeEach(() => {
    other = new Store(memory);
  });

  test("merge their points", () => {
    store.keepProgress("bn.forward", { ...NOTHING, points: 5, checks: 1 });
    other.keepProgress("bn.forward", { ...NOTHING, points: 3, checks: 1, hints: 2 });
    expect(store.progress("bn.forward")).toEqual({ ...NOTHING, points: 5, checks: 1, hints: 2 });
  });

  test("lose no answer: the later stands, the other lies beside it", () => {
    store.keepAnswer(PAGE, CELL, answer("first"));
    other.keepAnswer(PAGE, CELL, answer("second"));
    expect(store.answer(PAGE, CELL)).toEqual({ ...answer("second"), earlier: "first" });
  });

  test("take turns without keeping what each has seen of the other", () => {
    store.keepAnswer(PAGE, CELL, answer("first"));
    other.answer(PAGE, CELL);
    expect(other.keepAnswer(PAGE, CELL, answer("second"))).toEqual(answer("second"));
  });
});

describe("a storage that refuses", () => {
  test("because it is full loses nothing while the page is open, and says so", () => {
    memory.room = 30;
    const long = answer("x".repeat(100));
    store.keepAnswer(PAGE, CELL, long);
    expect(store.answer(PAGE, CELL)).toEqual(long);
    expect(refusals).toEqual(["full"]);
  });

  test("takes it later, when there is room", () => {
    memory.room = 30;
    store.keepAnswer(PAGE, CELL, answer("x".repeat(100)));
    expect(store.atRisk).toBe(true);
    memory.room = 1000;
    store.keepAnswer(PAGE, "bn-backward", answer("y"));
    expect(new Store(memory).answer(PAGE, CELL)?.text).toBe("x".repeat(100));
    expect(store.atRisk).toBe(false);
    expect(refusals).toEqual(["full", null]);
  });

  test("because it is switched off does the same", () => {
    const none = new Store(null, (why) => refusals.push(why));
    none.keepProgress("bn.forward", { ...NOTHING, points: 4 });
    none.keepAnswer(PAGE, CELL, answer("x"));
    expect(none.progress("bn.forward").points).toBe(4);
    expect(none.answer(PAGE, CELL)?.text).toBe("x");
    expect(refusals).toEqual(["refused", "refused"]);
  });
});

test.each([
  ["normcourse/answer/batchnorm/bn-forward", { cell: "bn-forward" }],
  ["normcourse/progress/bn.forward", { task: "bn.forward" }],
  ["normcourse/answer/inference/inference-fold", null],
  ["theme", null],
  [null, null],
])("an event of %s is about %j", (key, about) => {
  expect(Store.about(key, PAGE)).toEqual(about);
});
