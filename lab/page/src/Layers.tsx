/** All channels of a layer with the mouse on its square; clicking a cell clamps it. */

import { useComputed, useSignal, useSignalEffect, type ReadonlySignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { extent } from "./colour";
import { useStore } from "./context";
import { drawMap } from "./draw";
import { sideOf, withEdits } from "./document";
import { Grid } from "./Grid";
import type { Agent, Board, Cell, Edit, Site } from "./protocol";
import type { Layer, Seen } from "./store";

type Show = "edited" | "original" | "difference";
type Order = "number" | "change" | "size";

interface Maps {
  readonly layer: Layer;
  readonly height: number;
  readonly width: number;
  /** Values of the layer that is shown, `[C, H, W]`. */
  readonly values: Float32Array;
  readonly order: readonly number[];
  readonly change: Float32Array;
}

/** Return height and width of a channel; features without places are arranged as a grid. */
export function placesOf(shape: readonly number[]): [channels: number, height: number, width: number] {
  return shape.length === 3 ? [shape[0]!, shape[1]!, shape[2]!] : [shape[0]!, 1, 1];
}

export function mapsOf(layer: Layer, show: Show, order: Order): Maps {
  const [channels, height, width] = placesOf(layer.shape);
  const size = height * width;
  const difference = layer.edited.map((one, n) => one - layer.original[n]!);
  const values = { edited: layer.edited, original: layer.original, difference }[show];
  const mean = (from: Float32Array) =>
    Float32Array.from({ length: channels }, (_, c) => {
      let sum = 0;
      for (let n = c * size; n < (c + 1) * size; n++) sum += Math.abs(from[n]!);
      return sum / size;
    });
  const change = mean(difference);
  const key = order === "change" ? change : mean(values);
  const numbers = Array.from({ length: channels }, (_, c) => c);
  if (order !== "number") numbers.sort((a, b) => key[b]! - key[a]!);
  return { layer, height, width, values, order: numbers, change };
}

export function Layers() {
  const store = useStore();
  const show = useSignal<Show>("edited");
  const order = useSignal<Order>("number");
  const layer = useComputed(() => store.answers.value[store.active.value]?.layer ?? null);
  const maps = useComputed(() => layer.value && mapsOf(layer.value, show.value, order.value));
  const sites = store.agent.value?.sites ?? [];
  return (
    <section class="panel layers" aria-labelledby="layers-title">
      <h2 id="layers-title">Layers</h2>
      <div class="row">
        <label>
          Layer
          <select value={store.site.value} onChange={(e) => (store.site.value = e.currentTarget.value)}>
            {sites.map((site) => (
              <option key={site.name} value={site.name}>
                {`${site.name.replace("embedder.", "")}  ${site.shape.join("×")}`}
              </option>
            ))}
          </select>
        </label>
        <label>
          Show
          <select value={show.value} onChange={(e) => (show.value = e.currentTarget.value as Show)}>
            <option value="edited">edited</option>
            <option value="original">original</option>
            <option value="difference">difference</option>
          </select>
        </label>
        <label>
          Sort by
          <select value={order.value} onChange={(e) => (order.value = e.currentTarget.value as Order)}>
            <option value="number">number</option>
            <option value="change">what the edits change</option>
            <option value="size">size</option>
          </select>
        </label>
        <span class="quiet">
          Activations with the mouse on its square; blue is below zero, red above, one scale for all channels.
        </span>
      </div>
      <div class="channels-and-one">
        <Channels maps={maps} />
        <Large maps={maps} />
      </div>
    </section>
  );
}

function Channels({ maps }: { maps: ReadonlySignal<Maps | null> }) {
  const store = useStore();
  const box = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    const found = maps.value;
    const theme = store.theme.value;
    if (!found || !box.current) return;
    const { values, height, width, order } = found;
    const most = extent(values);
    const canvases = box.current.querySelectorAll("canvas");
    order.forEach((channel, n) => {
      const canvas = canvases[n];
      const size = height * width;
      if (canvas) drawMap(canvas, values.subarray(channel * size, (channel + 1) * size), height, width, theme, most);
    });
  });
  const found = maps.value;
  if (!found) return <p class="quiet">No activations yet.</p>;
  return (
    <div class={`channels ${found.height * found.width > 1 ? "" : "flat"}`} ref={box} role="group" aria-label="Channels">
      {found.order.map((channel, n) => (
        <button
          key={n}
          class="channel"
          aria-pressed={store.channel.value === channel}
          aria-label={`Channel ${channel}`}
          title={`channel ${channel}; the edits change it by ${found.change[channel]!.toPrecision(2)} on average`}
          onClick={() => (store.channel.value = channel)}
        >
          <canvas />
          <span>{channel}</span>
        </button>
      ))}
    </div>
  );
}

function Large({ maps }: { maps: ReadonlySignal<Maps | null> }) {
  const store = useStore();
  const canvas = useRef<HTMLCanvasElement>(null);
  const value = useSignal(5.5);
  const cursor = useSignal<Cell | null>(null);
  useSignalEffect(() => {
    const found = maps.value;
    const channel = store.channel.value;
    const theme = store.theme.value;
    if (!found || !canvas.current) return;
    const size = found.height * found.width;
    const one = found.values.subarray(channel * size, (channel + 1) * size);
    drawMap(canvas.current, one, found.height, found.width, theme, extent(found.values));
  });
  const found = maps.value;
  if (!found) return null;
  const channel = Math.min(store.channel.value, found.order.length - 1);
  const { height, width, values, layer } = found;
  const at = (row: number, col: number) => values[(channel * height + row) * width + col] ?? 0;
  const clamp = (cells: readonly Cell[] | null) => {
    const edit: Edit = { kind: "clamp", on: true, site: layer.site, channels: [channel], cells, value: value.value };
    store.change((session) => {
      const edits = session.slots[store.active.value]?.edits ?? [];
      return withEdits(session, store.active.value, joined(edits, edit));
    });
  };
  const flat = height * width === 1;
  const site = store.agent.value?.sites.find((one) => one.name === layer.site);
  const here = cursor.value;
  return (
    <div class="large" onPointerLeave={() => (store.seen.value = null)}>
      <h3>
        Channel {channel} <span class="quiet">{flat ? at(0, 0).toFixed(3) : `${height}×${width}`}</span>
      </h3>
      <Grid
        rows={height}
        cols={width}
        name={`Channel ${channel}; Enter clamps a cell`}
        label={([row, col]) => `row ${row}, column ${col}, ${at(row, col).toFixed(3)}`}
        cursor={here}
        marked={([row, col]) => (sees(site, store, [row, col]) ? "sees" : "")}
        onCursor={(cell) => {
          cursor.value = cell;
          const [board, facts] = [store.board.value, store.facts.value];
          store.seen.value = board && facts && fieldOf(site, store.agent.value, board, facts.ring, cell);
        }}
        onPress={(cell, first) => first && clamp(flat ? null : [cell])}
      >
        <canvas ref={canvas} class="square" aria-hidden="true" />
      </Grid>
      <p class="quiet readout">
        {here && !flat
          ? `Row ${here[0]}, column ${here[1]}: ${at(...here).toFixed(3)}. The dashed frame on the board is what it sees.`
          : "A click clamps a cell to the value below; outlined cells lie over the marked square."}
      </p>
      <div class="row tight">
        <label>
          Value
          <input
            type="number"
            step="0.5"
            value={value.value}
            onInput={(e) => (value.value = e.currentTarget.valueAsNumber || 0)}
          />
        </label>
        <button onClick={() => clamp(null)}>Clamp everywhere</button>
      </div>
    </div>
  );
}

/** Add a clamp; if the last edit has the same channels and value, add the cells to that one. */
export function joined(edits: readonly Edit[], edit: Edit & { kind: "clamp" }): Edit[] {
  const last = edits.at(-1);
  const alike =
    last?.kind === "clamp" &&
    last.site === edit.site &&
    last.value === edit.value &&
    last.channels.join() === edit.channels.join() &&
    last.cells !== null &&
    edit.cells !== null;
  if (!alike) return [...edits, edit];
  const known = new Set(last.cells?.map((cell) => cell.join()));
  const cells = [...(last.cells ?? []), ...(edit.cells ?? []).filter((cell) => !known.has(cell.join()))];
  return [...edits.slice(0, -1), { ...last, cells }];
}

const PIXELS = 64;

/** Return the part of the board that a cell of a layer sees, in squares, row 0 at the bottom. */
export function fieldOf(site: Site | undefined, agent: Agent | null, board: Board, ring: number, [row, col]: Cell): Seen | null {
  if (site?.step === undefined || site.reach === undefined) return null;
  const { step, reach } = site;
  const side = viewSide(agent, sideOf(board) + 2 * ring);
  const square = agent?.maze?.view === "pixels" ? PIXELS / side : 1;
  const around = Math.floor((side - sideOf(board)) / 2);
  const inside = (one: number) => Math.max(0, Math.min(sideOf(board), one));
  const from = (at: number) => (at * step - reach) / square - around;
  const to = (at: number) => (at * step + reach + 1) / square - around;
  const [left, right] = [inside(from(col)), inside(to(col))];
  const [bottom, top] = [inside(sideOf(board) - to(row)), inside(sideOf(board) - from(row))];
  return left < right && bottom < top ? { left, right, bottom, top } : null;
}

/** Return the number of squares along a side of the agent's view. */
function viewSide(agent: Agent | null, world: number): number {
  return agent?.maze && agent.maze.view !== "pixels" ? agent.maze.largest : world;
}

/** Return whether the middle of a layer's cell lies over the marked square of the board. */
function sees(site: Site | undefined, store: ReturnType<typeof useStore>, [row, col]: Cell): boolean {
  const [board, facts, marked] = [store.board.value, store.facts.value, store.cursor.value];
  if (!board || !facts || !marked || site?.shape.length !== 3) return false;
  const side = viewSide(store.agent.value, sideOf(board) + 2 * facts.ring);
  const ring = (side - sideOf(board)) / 2;
  const [height, width] = [site.shape[1]!, site.shape[2]!];
  const at: Cell = [
    Math.floor(((side - 1 - (marked[0] + ring) + 0.5) * height) / side),
    Math.floor(((marked[1] + ring + 0.5) * width) / side),
  ];
  return at[0] === row && at[1] === col;
}

