/** The session as a value: each change makes a new value, so that undoing is exact. */

import type { Board, Cell, Edit, Session, Slot } from "./protocol";

export type Brush = "wall" | "mouse" | "cheese";

export const sideOf = (board: Board): number => board.maze.length;

/** Return the glyph of a cell; row 0 is the bottom one, as in the library. */
export function glyph(board: Board, [row, col]: Cell): string {
  return board.maze[sideOf(board) - 1 - row]?.[col] ?? "#";
}

export function withGlyph(board: Board, [row, col]: Cell, put: string): Board {
  const line = sideOf(board) - 1 - row;
  const maze = board.maze.map((text, n) => (n === line ? text.slice(0, col) + put + text.slice(col + 1) : text));
  return { ...board, maze, level: -1 };
}

export function find(board: Board, what: string): Cell[] {
  const found: Cell[] = [];
  for (let row = 0; row < sideOf(board); row++)
    for (let col = 0; col < sideOf(board); col++) if (glyph(board, [row, col]) === what) found.push([row, col]);
  return found;
}

export const mouseOf = (board: Board): Cell => find(board, "M")[0] ?? [0, 0];

/** Make a cell wall or floor. The cells of the mouse and of cheese do not change. */
export function paint(board: Board, cell: Cell, put: "#" | "."): Board {
  const there = glyph(board, cell);
  return there === "M" || there === "C" || there === put ? board : withGlyph(board, cell, put);
}

/** Move the mouse. A wall there becomes floor; the mouse cannot stand on cheese. */
export function moveMouse(board: Board, cell: Cell): Board {
  const there = glyph(board, cell);
  if (there === "M" || there === "C") return board;
  return withGlyph(withGlyph(board, mouseOf(board), "."), cell, "M");
}

/** Move the cheese to a cell, or remove it if it is there; `more` keeps the other pieces. */
export function moveCheese(board: Board, cell: Cell, more = false): Board {
  const there = glyph(board, cell);
  if (there === "M") return board;
  if (there === "C") return withGlyph(board, cell, ".");
  const cleared = more ? board : find(board, "C").reduce((b, one) => withGlyph(b, one, "."), board);
  return withGlyph(cleared, cell, "C");
}

/** Make an empty maze: no walls, the mouse at the bottom left, cheese at the top right. */
export function blank(side: number): Board {
  const row = ".".repeat(side);
  const maze = Array.from({ length: side }, (_, n) =>
    n === 0 ? `${row.slice(1)}C` : n === side - 1 ? `M${row.slice(1)}` : row,
  );
  return { maze, facing: "left", background: 0, level: -1 };
}

export const describe = (mark: string): string =>
  ({ "#": "wall", ".": "free", C: "cheese", M: "mouse" })[mark] ?? "outside";

/** Return whether a value has the parts of a session that the page reads; the server checks the rest. */
export function isSession(value: unknown): value is Session {
  const { board, slots } = (value ?? {}) as { board?: { maze?: unknown }; slots?: unknown };
  const maze = board?.maze;
  if (!Array.isArray(maze) || !maze.every((row) => typeof row === "string" && row.length === maze.length)) return false;
  if (!Array.isArray(slots) || slots.length === 0 || !maze.join("").includes("M")) return false;
  return slots.every((slot: Partial<Slot> | null) => typeof slot?.agent === "string" && Array.isArray(slot.edits));
}

export function withSlot(session: Session, number: number, slot: Slot): Session {
  return { ...session, slots: session.slots.map((one, n) => (n === number ? slot : one)) };
}

export function withEdits(session: Session, slot: number, edits: readonly Edit[]): Session {
  const there = session.slots[slot];
  return there ? withSlot(session, slot, { ...there, edits }) : session;
}

/** Move an edit up or down in the list. */
export function moved(edits: readonly Edit[], from: number, by: number): Edit[] {
  const list = [...edits];
  const to = Math.max(0, Math.min(list.length - 1, from + by));
  list.splice(to, 0, ...list.splice(from, 1));
  return list;
}

export interface History<T> {
  readonly past: readonly T[];
  readonly now: T;
  readonly future: readonly T[];
  /** Stroke that the last change was part of; changes of one stroke are undone together. */
  readonly stroke: string | null;
}

const LONGEST = 200;

export const begin = <T>(now: T): History<T> => ({ past: [], now, future: [], stroke: null });

export function changed<T>(history: History<T>, now: T, stroke: string | null = null): History<T> {
  if (now === history.now) return history;
  const goesOn = stroke !== null && stroke === history.stroke;
  const past = goesOn ? history.past : [...history.past, history.now].slice(-LONGEST);
  return { past, now, future: [], stroke };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future], stroke: null };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.now], now: next, future, stroke: null };
}
