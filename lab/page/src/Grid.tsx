/** Cells for mouse and keyboard, which lie over a canvas that draws them. */

import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Cell } from "./protocol";

interface Props {
  readonly rows: number;
  readonly cols: number;
  readonly name: string;
  /** Words for a cell; row 0 is the lowest one if `upwards`. */
  readonly label: (cell: Cell) => string;
  readonly upwards?: boolean;
  readonly cursor: Cell | null;
  readonly marked?: (cell: Cell) => string;
  readonly onCursor: (cell: Cell) => void;
  /** Called with each cell of a stroke; `first` is true for the first cell. */
  readonly onPress: (cell: Cell, first: boolean, event: MouseEvent | KeyboardEvent) => void;
  readonly onKey?: (cell: Cell, event: KeyboardEvent) => void;
  readonly children: ComponentChildren;
}

const STEPS: Record<string, readonly [number, number]> = {
  ArrowUp: [1, 0],
  ArrowDown: [-1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export function Grid(props: Props) {
  const { rows, cols, upwards = false, cursor } = props;
  const root = useRef<HTMLDivElement>(null);
  const last = useRef("");
  const at: Cell = cursor && cursor[0] < rows && cursor[1] < cols ? cursor : [0, 0];

  const cellOf = (target: EventTarget | null): Cell | null => {
    const text = target instanceof HTMLElement ? target.dataset["cell"] : undefined;
    if (text === undefined) return null;
    const [row, col] = text.split(",").map(Number);
    return [row!, col!];
  };
  const press = (event: PointerEvent, first: boolean) => {
    const under = first ? event.target : document.elementFromPoint(event.clientX, event.clientY);
    const cell = cellOf(under);
    if (!cell || (!first && last.current === cell.join())) return;
    last.current = cell.join();
    props.onPress(cell, first, event);
  };
  const go = (cell: Cell) => {
    props.onCursor(cell);
    root.current?.querySelector<HTMLElement>(`[data-cell="${cell.join()}"]`)?.focus();
  };
  const key = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const [row, col] = at;
    const far = event.ctrlKey || event.metaKey;
    const top = upwards ? rows - 1 : 0;
    if (step) {
      const up = upwards ? step[0] : -step[0];
      go([Math.max(0, Math.min(rows - 1, row + up)), Math.max(0, Math.min(cols - 1, col + step[1]))]);
    } else if (event.key === "Home") go([far ? top : row, 0]);
    else if (event.key === "End") go([far ? rows - 1 - top : row, cols - 1]);
    else if (event.key === "Enter" || event.key === " ") props.onPress(at, true, event);
    else {
      props.onKey?.(at, event);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const order = Array.from({ length: rows }, (_, n) => (upwards ? rows - 1 - n : n));
  return (
    <div class="stack">
      {props.children}
      <div
        ref={root}
        class="cells"
        role="grid"
        aria-label={props.name}
        aria-rowcount={rows}
        aria-colcount={cols}
        onKeyDown={key}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          if (event.target instanceof Element) event.target.releasePointerCapture(event.pointerId);
          press(event, true);
        }}
        onPointerMove={(event) => {
          const cell = cellOf(event.target);
          if (cell && cell.join() !== cursor?.join() && event.buttons === 0) props.onCursor(cell);
          if (event.buttons === 1) press(event, false);
        }}
      >
        {order.map((row) => (
          <div role="row" class="cell-row" key={row}>
            {Array.from({ length: cols }, (_, col) => {
              const here = row === at[0] && col === at[1];
              const marks = props.marked?.([row, col]) ?? "";
              return (
                <div
                  key={col}
                  role="gridcell"
                  class={`cell ${marks}`}
                  data-cell={`${row},${col}`}
                  tabIndex={here ? 0 : -1}
                  aria-label={props.label([row, col])}
                  onFocus={() => props.onCursor([row, col])}
                />
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}
