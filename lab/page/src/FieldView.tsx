/** Show the network's policy and values at every square, and the numbers of one square. */

import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { diverging, sequential } from "./colour";
import { useStore } from "./context";
import { sideOf } from "./document";
import { drawField, range } from "./draw";
import { MOVES, rowOf, variation, type Field, type Mode, type Outputs } from "./field";
import { mouseOf } from "./document";
import { fixed } from "./numbers";
import type { Cell, Solved } from "./protocol";

const MODES: readonly [Mode, string][] = [
  ["edited", "Edited"],
  ["original", "Original"],
  ["difference", "Difference"],
];
const SIGNS = ["←", "↓", "↑", "→", "·"] as const;

interface CanvasProps {
  readonly slot: number;
  readonly mode: () => Mode;
  readonly name: string;
  /** Slot that is subtracted for a difference; null is this slot's network without edits. */
  readonly against?: () => Outputs | null;
}

export function FieldCanvas({ slot, mode, name, against = () => null }: CanvasProps) {
  const store = useStore();
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const [board, field] = [store.studied.value, store.answers.value[slot]?.field ?? null];
    if (!canvas.current || !board) return;
    drawField(canvas.current, board, field, mode(), store.theme.value, against());
    if (!field) return;
    const whole = field.known.every((one) => one === 1);
    canvas.current.dataset["rev"] = String(field.rev);
    canvas.current.dataset["whole"] = String(whole);
    if (field.known.some((one) => one === 1)) store.drawn(field.rev);
  });
  const point = (event: PointerEvent) => {
    const board = store.board.value;
    if (!board || !canvas.current) return;
    const box = canvas.current.getBoundingClientRect();
    const side = sideOf(board);
    const col = Math.floor(((event.clientX - box.left) / box.width) * side);
    const row = side - 1 - Math.floor(((event.clientY - box.top) / box.height) * side);
    const cell: Cell = [Math.max(0, Math.min(side - 1, row)), Math.max(0, Math.min(side - 1, col))];
    if (cell.join() !== store.cursor.value?.join()) store.cursor.value = cell;
  };
  return (
    <div class="stack" onPointerMove={point}>
      <canvas ref={canvas} class="square field" role="img" aria-label={name} />
      <Cursor />
    </div>
  );
}

function Cursor() {
  const store = useStore();
  const board = store.board.value;
  const cell = store.cursor.value;
  if (!board || !cell) return null;
  const side = sideOf(board);
  const style = {
    left: `${(cell[1] / side) * 100}%`,
    top: `${((side - 1 - cell[0]) / side) * 100}%`,
    width: `${100 / side}%`,
    height: `${100 / side}%`,
  };
  return <div class="cursor" style={style} aria-hidden="true" />;
}

export function FieldView() {
  const store = useStore();
  const { field, solved } = store.answers.value[store.active.value] ?? { field: null, solved: null };
  return (
    <section class="panel" aria-labelledby="field-title">
      <h2 id="field-title">
        Field <Scale field={field} mode={store.mode.value} />
      </h2>
      <div class="tools" role="group" aria-label="Network">
        {MODES.map(([mode, name]) => (
          <button
            key={mode}
            class="choice"
            aria-pressed={store.mode.value === mode}
            onClick={() => (store.mode.value = mode)}
          >
            {name}
          </button>
        ))}
      </div>
      <FieldCanvas
        key={store.active.value}
        slot={store.active.value}
        mode={() => store.mode.value}
        name={`Moves and values of the ${store.mode.value} network at every square; the table below has the numbers of one`}
      />
      <SolvedTable solved={solved} />
      <Readout field={field} />
    </section>
  );
}

function Scale({ field, mode }: { field: Field | null; mode: Mode }) {
  const store = useStore();
  if (!field) return null;
  const theme = store.theme.value;
  const stops = [0, 0.25, 0.5, 0.75, 1];
  const colour = mode === "difference" ? diverging : sequential;
  const [low, high] = mode === "difference" ? [0, 1] : range(field);
  return (
    <span class="scale">
      <span>{mode === "difference" ? "moves that change: 0" : `value ${low.toFixed(1)}`}</span>
      <span class="ramp" aria-hidden="true">
        {stops.map((one) => (
          <i key={one} style={{ background: colour(one, theme) }} />
        ))}
      </span>
      <span>{mode === "difference" ? "1" : high.toFixed(1)}</span>
    </span>
  );
}

const percent = (share: number | undefined): string => (share === undefined ? "–" : share.toFixed(3));

export function SolvedTable({ solved }: { solved: { original: Solved; edited: Solved | null } | null }) {
  const rows: readonly [string, keyof Solved, (one: number | undefined) => string][] = [
    ["P(cheese)", "cheese", percent],
    ["P(corner)", "corner", percent],
    ["P(neither)", "neither", percent],
    ["expected length", "length", (one) => one?.toFixed(1) ?? "–"],
  ];
  const reason = solved?.original.reason;
  if (reason !== undefined) return <p class="quiet">No exact outcome: {reason}.</p>;
  return (
    <table class="numbers">
      <caption>An episode from the mouse’s square, solved exactly</caption>
      <thead>
        <tr>
          <td />
          {rows.map(([name]) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">original</th>
          {rows.map(([name, key, show]) => (
            <td key={name}>{show(solved?.original[key] as number | undefined)}</td>
          ))}
        </tr>
        {solved?.edited && (
          <tr class="strong">
            <th scope="row">edited</th>
            {rows.map(([name, key, show]) => (
              <td key={name}>{show(solved.edited?.[key] as number | undefined)}</td>
            ))}
          </tr>
        )}
      </tbody>
    </table>
  );
}

function Readout({ field }: { field: Field | null }) {
  const store = useStore();
  const board = store.board.value;
  if (!field || !board) return null;
  const cell = store.cursor.value ?? mouseOf(board);
  const row = rowOf(field, cell);
  return (
    <table class="numbers">
      <caption>
        {row < 0
          ? `Row ${cell[0]}, column ${cell[1]}: a wall`
          : `Row ${cell[0]}, column ${cell[1]}: ${(100 * variation(field.original, field.edited, row)).toFixed(1)} % of the moves change`}
      </caption>
      <thead>
        <tr>
          <td />
          {MOVES.map((move, k) => (
            <th key={move} scope="col" aria-label={move} title={move}>
              {SIGNS[k]}
            </th>
          ))}
          <th scope="col">value</th>
        </tr>
      </thead>
      <tbody>
        {(["original", "edited"] as const).map((name) => (
          <tr key={name} class={name === "edited" ? "strong" : ""}>
            <th scope="row">{name}</th>
            {MOVES.map((move, k) => (
              <td key={move}>{row < 0 ? "–" : field[name].moves[row * 5 + k]!.toFixed(3)}</td>
            ))}
            <td>{row < 0 ? "–" : fixed(field[name].values[row]!, 2)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
