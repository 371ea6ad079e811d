import { describe, expect, test } from "vitest";
import {
  type Answer,
  mergeAnswer,
  mergeProgress,
  NOTHING,
  readAnswer,
  readProgress,
  stands,
} from "../src/merge";

describe("the progress of a task", () => {
  const kept = { points: 3, checks: 5, hints: 0, solution: true, committed: { a: 0.2 } };
  const newer = { points: 1, checks: 6, hints: 2, solution: false, committed: { a: 0.9 } };

  test("loses nothing that was reached, whichever state comes first", () => {
    const both = { points: 3, checks: 6, hints: 2, solution: true };
    expect(mergeProgress(kept, newer)).toEqual({ ...both, committed: { a: 0.2 } });
    expect(mergeProgress(newer, kept)).toEqual({ ...both, committed: { a: 0.9 } });
  });

  test("takes a commitment where there is none", () => {
    expect(mergeProgress(NOTHING, newer).committed).toEqual({ a: 0.9 });
  });

  test.each([
    [null, false],
    [{}, false],
    [{ a: 0.5 }, false],
    [{ a: 0.5, b: 0 }, true],
    [{ a: 0.5, b: 0, old: 1 }, true],
  ])("has a forecast that stands: %j, %s", (committed, whole) => {
    expect(stands({ ...NOTHING, committed }, ["a", "b"])).toBe(whole);
  });

  test("is read from what the notebook's store writes", () => {
    expect(readProgress(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
  });

  test.each([
    null,
    3,
    [],
    { points: "3" },
    { points: -1 },
    { solution: 1 },
    { committed: 3 },
    { checks: null },
  ])("is not read from %j", (stored) => {
    expect(readProgress(stored)).toEqual(Array.isArray(stored) ? NOTHING : null);
  });
});

describe("an answer", () => {
  const answer = (text: string, of = "now", more: Partial<Answer> = {}): Answer => ({ text, of, ...more });

  test("is kept as it is where nothing was", () => {
    expect(mergeAnswer(null, null, answer("x"))).toEqual(answer("x"));
  });

  test("replaces what this tab wrote", () => {
    expect(mergeAnswer(answer("x"), "x", answer("y"))).toEqual(answer("y"));
  });

  test("keeps beside it what another tab wrote", () => {
    expect(mergeAnswer(answer("theirs"), "x", answer("y")).earlier).toBe("theirs");
  });

  test("keeps beside it an answer to the task as it was", () => {
    expect(mergeAnswer(answer("old", "then"), "old", answer("new")).earlier).toBe("old");
  });

  test("keeps what lay beside it through later changes", () => {
    const kept = answer("x", "now", { earlier: "old" });
    expect(mergeAnswer(kept, "x", answer("y")).earlier).toBe("old");
  });

  test("says itself what it replaces, where it comes from elsewhere", () => {
    const kept = answer("x", "now", { earlier: "old" });
    expect(mergeAnswer(kept, "x", answer("y", "now", { earlier: "x" })).earlier).toBe("x");
  });

  test("has nothing beside it that is the same", () => {
    expect(mergeAnswer(answer("old", "then"), "old", answer("old"))).toEqual(answer("old"));
    expect(mergeAnswer(answer("x", "now", { earlier: "y" }), "x", answer("y"))).toEqual(answer("y"));
  });

  test.each([null, "x", {}, { text: "x" }, { text: 1, of: "now" }])("is not read from %j", (stored) => {
    expect(readAnswer(stored)).toBeNull();
  });

  test("is read with what lies beside it, and without what does not belong", () => {
    expect(readAnswer({ text: "x", of: "now", earlier: "old", more: 1 })).toEqual(
      answer("x", "now", { earlier: "old" }),
    );
    expect(readAnswer({ text: "x", of: "now", earlier: 3 })).toEqual(answer("x"));
  });
});
