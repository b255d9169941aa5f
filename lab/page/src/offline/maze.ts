/** Mazes without a server: an agent's observation, shortest paths, and outcomes of an episode. */

import { find, glyph, mouseOf, sideOf } from "../document";
import { MOVES } from "../field";
import type { Agent, Board, Cell, Facts, Solved } from "../protocol";
import type { Activation } from "./network";

type Maze = NonNullable<Agent["maze"]>;

const STEPS: readonly Cell[] = [[0, -1], [-1, 0], [1, 0], [0, 1], [0, 0]]; // as in MOVES

/** Return why a board cannot be shown to an agent; null if it can. */
export function wrong(board: Board, { largest }: Maze): string | null {
  const side = sideOf(board);
  if (side > largest) return `this agent sees mazes up to ${largest}×${largest}, not ${side}×${side}`;
  if (!/^[#.CM]*$/.test(board.maze.join(""))) return "a maze is drawn with #, ., C and M";
  return find(board, "M").length === 1 ? null : "a maze has one mouse";
}

/** Return all squares that are no wall, from the bottom left, row by row. */
export function freeCells(board: Board): Cell[] {
  const side = sideOf(board);
  const all = Array.from({ length: side * side }, (_, n): Cell => [Math.floor(n / side), n % side]);
  return all.filter((cell) => glyph(board, cell) !== "#");
}

/** Return the planes of walls, mouse and cheese that an agent sees, with the mouse on a square. */
export function observe(board: Board, mouse: Cell, side: number): Activation {
  const size = side * side;
  const data = new Float32Array(3 * size).fill(1, 0, size);
  const ring = Math.floor((side - sideOf(board)) / 2);
  const place = ([row, col]: Cell) => (ring + sideOf(board) - 1 - row) * side + ring + col;
  for (const cell of freeCells(board)) {
    data[place(cell)] = 0;
    data[2 * size + place(cell)] = glyph(board, cell) === "C" ? 1 : 0;
  }
  data[size + place(mouse)] = 1;
  return { shape: [3, side, side], data };
}

/** Return the steps from a square to every square that can be reached, by `row,column`. */
function distances(board: Board, from: Cell): Map<string, number> {
  const found = new Map([[from.join(), 0]]);
  const queue = [from];
  for (const cell of queue)
    for (const [row, col] of STEPS) {
      const next: Cell = [cell[0] + row, cell[1] + col];
      if (glyph(board, next) === "#" || found.has(next.join())) continue;
      found.set(next.join(), found.get(cell.join())! + 1);
      queue.push(next);
    }
  return found;
}

/** Return the facts that the server gives about a maze; the split is known for mazes in the page. */
export function factsOf(board: Board, maze: Maze, rev: number, split: string): Facts {
  const last = sideOf(board) - 1;
  const away = distances(board, mouseOf(board));
  return {
    rev,
    board,
    cells: freeCells(board),
    ring: 0,
    split,
    cheese_path: find(board, "C").map((cell) => away.get(cell.join()) ?? -1),
    corner_path: away.get(`${last},${last}`) ?? -1,
    marks: marks(board, maze),
  };
}

/** Describe the properties that no maze of training had; see `chisel.lab.session.marks`. */
export function marks(board: Board, maze: Maze): string[] {
  const side = sideOf(board);
  const found: string[] = [];
  const cheese = find(board, "C");
  if (side < maze.smallest || side > maze.largest)
    found.push(`training had mazes of ${maze.smallest}×${maze.smallest} to ${maze.largest}×${maze.largest}`);
  if (!isPerfect(board)) found.push("procgen makes no such walls: its mazes have one path between any two squares");
  if (mouseOf(board).some((one) => one > 0)) found.push("in training the mouse starts at the bottom left");
  if (cheese.length !== 1) found.push(`training had one cheese, here ${cheese.length} are shown`);
  const region = maze.region === null ? side : Math.min(Math.max(maze.region, 1), side);
  if (cheese.some((cell) => Math.min(...cell) < side - region))
    found.push(`in training the cheese was in the top-right ${region}×${region}`);
  return found;
}

/** Return whether procgen could carve a maze: a tree that spans every other square. */
function isPerfect(board: Board): boolean {
  const cells = freeCells(board);
  const rooms = Math.ceil(sideOf(board) / 2) ** 2;
  if (cells.filter(([row, col]) => row % 2 === 0 && col % 2 === 0).length !== rooms) return false;
  if (cells.some(([row, col]) => row % 2 === 1 && col % 2 === 1)) return false;
  return cells.length === 2 * rooms - 1 && distances(board, cells[0]!).size === cells.length;
}

/** Moves at each free square and the squares that they lead to. */
interface Chain {
  readonly moves: Float32Array | Float64Array;
  readonly after: Int32Array;
}

/**
 * Compute how an episode goes within the timeout; see `chisel.analysis.maze.solve`. The agent does
 * not see which side the mouse faces, so squares are all states that there are.
 */
export function solve(board: Board, maze: Maze, moves: Float64Array): Solved {
  const last = sideOf(board) - 1;
  const cells = freeCells(board);
  const number = new Map(cells.map((cell, n) => [cell.join(), n]));
  const corner = number.get(`${last},${last}`);
  if (corner === undefined) return { reason: "the top-right square is a wall" };
  const after = new Int32Array(cells.length * MOVES.length);
  cells.forEach(([row, col], n) =>
    STEPS.forEach(([up, right], move) => {
      after[n * MOVES.length + move] = number.get(`${row + up},${col + right}`) ?? n;
    }),
  );
  const chain = { moves, after };
  const cheese = find(board, "C").map((cell) => number.get(cell.join())!);
  const ends = new Set(maze.goals === "cheese-and-corner" ? [...cheese, corner] : cheese);
  const start = number.get(mouseOf(board).join())!;
  const reach = (goals: readonly number[]) => {
    const found = iterate(chain, maze.timeout, new Set([...goals, ...ends]), new Set(goals), 0)[start]!;
    return Math.min(1, found); // rounding may give a little more
  };
  return {
    cheese: reach(cheese),
    corner: reach([corner]),
    neither: 1 - reach([...cheese, corner]),
    length: iterate(chain, maze.timeout, ends, new Set(), 1)[start]!,
  };
}

/** Return for each square the probability of ending at a goal, plus `cost` for each step before. */
function iterate(
  { moves, after }: Chain,
  steps: number,
  stop: ReadonlySet<number>,
  goals: ReadonlySet<number>,
  cost: number,
): Float64Array {
  const count = after.length / MOVES.length;
  let now = Float64Array.from({ length: count }, (_, n) => (goals.has(n) ? 1 : 0));
  for (let step = 0; step < steps; step++) {
    const before = now;
    now = before.map((same, n) => {
      if (stop.has(n)) return same;
      let sum = cost;
      for (let k = n * MOVES.length; k < (n + 1) * MOVES.length; k++) sum += moves[k]! * before[after[k]!]!;
      return sum;
    });
  }
  return now;
}
