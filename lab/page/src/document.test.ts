import { expect, test } from "vitest";
import {
  begin,
  blank,
  changed,
  find,
  glyph,
  isSession,
  moveCheese,
  moved,
  moveMouse,
  paint,
  redo,
  undo,
  withEdits,
} from "./document";
import type { Edit, Session } from "./protocol";

const board = { maze: ["..C", ".#.", "M.."], facing: "left", background: 3, level: 7 } as const;
const session: Session = { format: 1, board, slots: [{ agent: "a", digest: "", edits: [] }] };
const scale = (factor: number): Edit => ({ kind: "scale", on: true, site: "x", channels: null, factor });

test("row 0 is the bottom row", () => {
  expect(glyph(board, [0, 0])).toBe("M");
  expect(glyph(board, [2, 2])).toBe("C");
  expect(glyph(board, [1, 1])).toBe("#");
});

test("painting changes one cell and forgets the level, and leaves mouse and cheese alone", () => {
  const painted = paint(board, [2, 0], "#");
  expect(painted.maze).toEqual(["#.C", ".#.", "M.."]);
  expect(painted.level).toBe(-1);
  expect(paint(board, [0, 0], "#")).toBe(board);
  expect(paint(board, [2, 2], "#")).toBe(board);
  expect(paint(board, [1, 1], "#")).toBe(board);
});

test("there is always one mouse, and it opens a wall but never eats the cheese", () => {
  const there = moveMouse(board, [1, 1]);
  expect(find(there, "M")).toEqual([[1, 1]]);
  expect(glyph(there, [0, 0])).toBe(".");
  expect(moveMouse(board, [2, 2])).toBe(board);
});

test("cheese moves, multiplies and goes", () => {
  expect(find(moveCheese(board, [0, 2]), "C")).toEqual([[0, 2]]);
  expect(find(moveCheese(board, [0, 2], true), "C")).toHaveLength(2);
  expect(find(moveCheese(board, [2, 2]), "C")).toEqual([]);
  expect(moveCheese(board, [0, 0])).toBe(board);
});

test("an empty maze has a mouse and a cheese in opposite corners", () => {
  expect(blank(3).maze).toEqual(["..C", "...", "M.."]);
});

test("undoing goes back change by change, and a stroke is one change", () => {
  let history = begin(0);
  history = changed(history, 1);
  for (const now of [2, 3, 4]) history = changed(history, now, "stroke");
  history = undo(history);
  expect(history.now).toBe(1);
  expect(undo(undo(history)).now).toBe(0);
  expect(redo(history).now).toBe(4);
  expect(changed(history, 9).future).toEqual([]);
  expect(changed(history, 1)).toBe(history);
});

test("a second stroke of the same name after an undo is a change of its own", () => {
  const history = undo(changed(changed(begin(0), 1, "a"), 2, "a"));
  expect(changed(history, 5, "a").past).toEqual([0]);
});

test("after any changes, undos and redos there is what a plain list of states says", () => {
  let seed = 1;
  const draw = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 20; round++) {
    let history = begin(0);
    let [states, at] = [[0], 0];
    for (let step = 1; step < 100; step++) {
      const what = draw(3);
      if (what === 0) [states, at] = [[...states.slice(0, at + 1), step], at + 1];
      else at = what === 1 ? Math.max(0, at - 1) : Math.min(states.length - 1, at + 1);
      history = what === 0 ? changed(history, step) : what === 1 ? undo(history) : redo(history);
      expect(history.now).toBe(states[at]);
    }
  }
});

test("edits keep their order, and move by one place", () => {
  const edits = [scale(1), scale(2), scale(3)];
  expect(moved(edits, 0, 1).map((e) => e.kind === "scale" && e.factor)).toEqual([2, 1, 3]);
  expect(moved(edits, 0, -1)).toEqual(edits);
  expect(withEdits(session, 0, edits).slots[0]?.edits).toEqual(edits);
  expect(withEdits(session, 1, edits)).toBe(session);
});

test.each([null, 3, {}, { board: { maze: ["M"] } }, { board: { maze: ["M."] }, slots: [] }, { ...session, slots: [{}] }])(
  "%o is no session",
  (value) => expect(isSession(value)).toBe(false),
);

test("a session is one", () => expect(isSession(session)).toBe(true));
