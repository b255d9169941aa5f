/** Show the maze that is studied, which is drawn by dragging or by keys, or loaded. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { blank, describe, glyph, moveCheese, moveMouse, paint, sideOf, type Brush } from "./document";
import { drawBoard } from "./draw";
import { Grid } from "./Grid";
import { actionOf, digitOf } from "./keys";
import { useStore } from "./context";
import type { Board, Cell } from "./protocol";

const BRUSHES: readonly [Brush, string][] = [
  ["wall", "Wall"],
  ["mouse", "Mouse"],
  ["cheese", "Cheese"],
];

export const nameOf = (board: Board, cell: Cell): string =>
  `row ${cell[0]}, column ${cell[1]}, ${describe(glyph(board, cell))}`;

export function BoardView() {
  const store = useStore();
  const canvas = useRef<HTMLCanvasElement>(null);
  const stroke = useRef<{ number: number; put: "#" | "." }>({ number: 0, put: "#" });
  useSignalEffect(() => {
    if (canvas.current && store.board.value) drawBoard(canvas.current, store.board.value, store.theme.value);
  });
  const board = store.board.value;
  if (!board) return null;
  const press = (cell: Cell, first: boolean) => {
    if (first) stroke.current = { number: stroke.current.number + 1, put: glyph(board, cell) === "#" ? "." : "#" };
    const { number, put } = stroke.current;
    const brush = store.brush.value;
    if (brush === "wall") store.changeBoard((b) => paint(b, cell, put), `wall ${number}`);
    else if (brush === "mouse") store.changeBoard((b) => moveMouse(b, cell), `mouse ${number}`);
    else if (first || glyph(board, cell) !== "C") store.changeBoard((b) => moveCheese(b, cell), `cheese ${number}`);
  };
  const key = (cell: Cell, event: KeyboardEvent) => {
    const change: Record<string, (b: Board) => Board> = {
      wall: (b) => paint(b, cell, glyph(b, cell) === "#" ? "." : "#"),
      mouse: (b) => moveMouse(b, cell),
      cheese: (b) => moveCheese(b, cell),
      more: (b) => moveCheese(b, cell, true),
      turn: (b) => ({ ...b, facing: b.facing === "left" ? "right" : "left" }),
    };
    const action = actionOf(event, "board") ?? "";
    if (action === "keep") store.keepBoard(digitOf(event));
    if (action === "open") store.openBoard(digitOf(event));
    if (action === "keep" || action === "open") event.preventDefault();
    const make = change[action];
    if (!make) return;
    store.changeBoard(make);
    event.preventDefault();
    store.said.value = nameOf(store.board.value ?? board, cell);
  };
  const side = sideOf(board);
  return (
    <section class="panel board" aria-labelledby="board-title">
      <h2 id="board-title">
        Board <span class="quiet">{`${side}×${side}`}</span>
      </h2>
      <div class="tools" role="group" aria-label="Brush">
        {BRUSHES.map(([brush, name]) => (
          <button
            key={brush}
            class="choice"
            aria-pressed={store.brush.value === brush}
            onClick={() => (store.brush.value = brush)}
          >
            {name}
          </button>
        ))}
        <button
          class="choice"
          title="Side that the mouse faces; networks that see pixels see that, too (F)"
          onClick={() => store.changeBoard((b) => ({ ...b, facing: b.facing === "left" ? "right" : "left" }))}
        >
          {board.facing === "left" ? "Faces ←" : "Faces →"}
        </button>
      </div>
      <Grid
        rows={side}
        cols={side}
        upwards
        name="Maze; arrow keys move, W wall, M mouse, C cheese"
        label={(cell) => nameOf(board, cell)}
        cursor={store.cursor.value}
        onCursor={(cell) => (store.cursor.value = cell)}
        onPress={press}
        onKey={key}
      >
        <canvas ref={canvas} class="square" aria-hidden="true" />
        <SeenFrame side={side} />
      </Grid>
      <Levels />
      <Notes />
    </section>
  );
}

function SeenFrame({ side }: { side: number }) {
  const seen = useStore().seen.value;
  if (!seen) return null;
  const share = (squares: number) => `${(squares / side) * 100}%`;
  const { left, right, bottom, top } = seen;
  return <div class="seen" aria-hidden="true" style={{ left: share(left), bottom: share(bottom), width: share(right - left), height: share(top - bottom) }} />;
}

/** Numbers from which a random maze is chosen. */
const RANDOM = 1e6;

function sidesOf(smallest: number, largest: number): number[] {
  const first = smallest | 1;
  return Array.from({ length: Math.max(0, Math.floor((largest - first) / 2) + 1) }, (_, n) => first + 2 * n);
}

function Levels() {
  const store = useStore();
  const source = useSignal<"validation" | "train" | "procgen">("validation");
  const seed = useSignal(0);
  const size = useSignal(0);
  const cheese = useSignal<"anywhere" | "as-trained">("anywhere");
  const maze = store.agent.value?.maze;
  if (!maze) return null;
  const most = maze.mazes ?? RANDOM;
  const load = async (chosen: number) => {
    seed.value = chosen;
    const sided = source.value === "procgen" ? 0 : size.value || 0;
    const asked = { source: source.value, seed: chosen, size: sided, cheese: cheese.value };
    const answer = await store.tell({ kind: "level", agent: store.agent.value?.name, ...asked });
    if (answer) store.changeBoard(() => answer.head["board"] as Board);
    return answer !== null;
  };
  const random = async () => {
    // Some of procgen's levels are larger than any of training, and some are of the test split.
    const tries = source.value === "procgen" ? 20 : 1;
    for (let n = 0; n < tries; n++) if (await load(Math.floor(Math.random() * most))) return;
  };
  return (
    <form
      class="row"
      aria-label="Load a maze"
      onSubmit={(event) => {
        event.preventDefault();
        void load(seed.value);
      }}
    >
      {!store.offline && (
        <label>
          Mazes
          <select value={source.value} onChange={(e) => (source.value = e.currentTarget.value as typeof source.value)}>
            <option value="validation">validation</option>
            <option value="train">training</option>
            <option value="procgen">procgen seed</option>
          </select>
        </label>
      )}
      <label>
        {store.offline ? `Validation maze, 0 to ${most - 1}` : "Number"}
        <input
          type="number"
          min={0}
          max={maze.mazes === undefined ? 2147483647 : most - 1}
          value={seed.value}
          onInput={(e) => (seed.value = e.currentTarget.valueAsNumber || 0)}
        />
      </label>
      {!store.offline && source.value !== "procgen" && (
        <label>
          Side
          <select value={size.value} onChange={(e) => (size.value = Number(e.currentTarget.value))}>
            <option value={0}>any</option>
            {sidesOf(maze.smallest, maze.largest).map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
      )}
      {!store.offline && source.value !== "procgen" && maze.region !== null && (
        <label>
          Cheese
          <select value={cheese.value} onChange={(e) => (cheese.value = e.currentTarget.value as typeof cheese.value)}>
            <option value="anywhere">anywhere</option>
            <option value="as-trained">as trained</option>
          </select>
        </label>
      )}
      <span class="row tight">
        <button type="submit">Load</button>
        <button type="button" onClick={() => void random()}>
          Random
        </button>
        <button type="button" onClick={() => store.changeBoard((b) => blank(size.value || sideOf(b)))}>
          Empty
        </button>
      </span>
    </form>
  );
}

function Notes() {
  const store = useStore();
  const facts = store.facts.value;
  if (!facts) return null;
  const cheese = facts.cheese_path.map((steps) => (steps < 0 ? "no way to the cheese" : `${steps} steps to the cheese`));
  const corner = facts.corner_path < 0 ? "no way to the corner" : `${facts.corner_path} to the corner`;
  return (
    <div class="notes">
      <p class="quiet">
        {[...cheese, corner].join(", ")}. {facts.board.level >= 0 ? `Level ${facts.board.level}. ` : ""}
        {facts.split && `Split of this layout: ${facts.split}.`}
      </p>
      {facts.marks.length > 0 && (
        <div class="mark" role="note">
          <strong>Outside training</strong>
          <ul>
            {facts.marks.map((mark) => (
              <li key={mark}>{mark}</li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
