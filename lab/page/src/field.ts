/** Move probabilities and values of one network at every free square. */

import type { Answer, Cell } from "./protocol";

export const MOVES = ["left", "down", "up", "right", "stay"] as const;

export interface Outputs {
  readonly moves: Float32Array;
  readonly values: Float32Array;
}

export interface Field {
  readonly rev: number;
  readonly cells: readonly Cell[];
  readonly original: Outputs;
  /** Equal to `original` if there are no edits. */
  readonly edited: Outputs;
  /** Squares that this revision has reached; the others are of an earlier one. */
  readonly known: Uint8Array;
}

export type Mode = "edited" | "original" | "difference";

const empty = (count: number): Outputs => ({
  moves: new Float32Array(count * 5),
  values: new Float32Array(count),
});

const key = ([row, col]: Cell): number => row * 64 + col;

/** Begin a revision; squares that were there before keep what they showed until they are reached. */
export function begin(rev: number, cells: readonly Cell[], before: Field | null): Field {
  const field: Field = {
    rev,
    cells,
    original: empty(cells.length),
    edited: empty(cells.length),
    known: new Uint8Array(cells.length),
  };
  const rows = new Map(before?.cells.map((cell, n) => [key(cell), n]));
  cells.forEach((cell, n) => {
    const old = rows.get(key(cell));
    if (old !== undefined && before) for (const which of ["original", "edited"] as const) copy(before[which], old, field[which], n);
  });
  return field;
}

function copy(from: Outputs, row: number, to: Outputs, at: number): void {
  to.moves.set(from.moves.subarray(row * 5, row * 5 + 5), at * 5);
  to.values[at] = from.values[row]!;
}

/** Write a piece of an answer into a field, in place. */
export function take(field: Field, answer: Answer): void {
  const rows = answer.arrays["rows"]?.data ?? Int32Array.of(answer.head["row"] as number);
  const outputs = (prefix: string): Outputs | null => {
    const moves = answer.arrays[`${prefix}moves`];
    const values = answer.arrays[`${prefix}values`];
    return moves && values ? { moves: moves.data as Float32Array, values: values.data as Float32Array } : null;
  };
  const original = outputs("");
  if (!original) return;
  const edited = outputs("edited_") ?? original;
  rows.forEach((row, n) => {
    copy(original, n, field.original, row);
    copy(edited, n, field.edited, row);
    field.known[row] = 1;
  });
}

/** Return half the sum of absolute changes of the five moves: the share that went to other moves. */
export function variation(a: Outputs, b: Outputs, row: number): number {
  let sum = 0;
  for (let k = 0; k < 5; k++) sum += Math.abs(a.moves[row * 5 + k]! - b.moves[row * 5 + k]!);
  return sum / 2;
}

/** Return the net probabilities of going right and up. */
export function net({ moves }: Outputs, row: number): [across: number, along: number] {
  const at = row * 5;
  return [moves[at + 3]! - moves[at]!, moves[at + 2]! - moves[at + 1]!];
}

export const rowOf = (field: Field, [row, col]: Cell): number =>
  field.cells.findIndex((cell) => cell[0] === row && cell[1] === col);

/** Return the rows where two networks differ most, the largest change first. */
export function mostChanged(a: Outputs, b: Outputs, count: number): { row: number; change: number }[] {
  const all = Array.from(a.values, (_, row) => ({ row, change: variation(a, b, row) }));
  return all.sort((x, y) => y.change - x.change).slice(0, count);
}
