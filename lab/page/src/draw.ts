/** Pictures on a canvas: a maze, a field over it, a channel of a layer. */

import { diverging, extent, sequential, type Theme } from "./colour";
import { find, glyph, sideOf } from "./document";
import { net, variation, type Field, type Mode, type Outputs } from "./field";
import type { Board, Cell } from "./protocol";

const WALL: Record<Theme, string> = { light: "#454f5b", dark: "#0c0e11" };
const FLOOR: Record<Theme, string> = { light: "#f6f4ee", dark: "#2b3037" };
const LINE: Record<Theme, string> = { light: "#e4e0d6", dark: "#373d45" };
const INK: Record<Theme, string> = { light: "#1d2329", dark: "#eef1f4" };
const CHEESE = "#eab308";
const RIND = "#a16207";
const FUR: Record<Theme, string> = { light: "#6b7280", dark: "#b6bec8" };

/** Fit a canvas to its place on the page, sharp at any zoom, and return its context. */
export function prepared(canvas: HTMLCanvasElement): { pen: CanvasRenderingContext2D; width: number; height: number } | null {
  const box = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(box.width * ratio);
  const height = Math.round(box.height * ratio);
  const pen = canvas.getContext("2d");
  if (!pen || !width || !height) return null;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

interface Place {
  pen: CanvasRenderingContext2D;
  /** Side of a cell in pixels of the canvas. */
  size: number;
  side: number;
  theme: Theme;
}

const corner = ({ size, side }: Place, [row, col]: Cell): [number, number] => [col * size, (side - 1 - row) * size];

function placeFor(canvas: HTMLCanvasElement, side: number, theme: Theme): Place | null {
  const ready = prepared(canvas);
  return ready && { pen: ready.pen, size: ready.width / side, side, theme };
}

export function drawBoard(canvas: HTMLCanvasElement, board: Board, theme: Theme, trail: readonly Cell[] = []): void {
  const place = placeFor(canvas, sideOf(board), theme);
  if (!place) return;
  floor(place, board, () => FLOOR[theme]);
  drawTrail(place, trail);
  things(place, board);
}

/** Draw a field: arrows for moves, shades for values; or how much two networks differ. */
export function drawField(
  canvas: HTMLCanvasElement,
  board: Board,
  field: Field | null,
  mode: Mode,
  theme: Theme,
  against: Outputs | null = null,
): void {
  const place = placeFor(canvas, sideOf(board), theme);
  if (!place) return;
  if (!field?.cells.every((cell) => glyph(board, cell) !== "#")) {
    floor(place, board, () => FLOOR[theme]);
    things(place, board);
    return;
  }
  const base = against ?? field.original;
  const shown = mode === "original" ? field.original : field.edited;
  const rows = new Map(field.cells.map(([row, col], n) => [row * 64 + col, n]));
  const [low, high] = range(field);
  floor(place, board, ([row, col]) => {
    const n = rows.get(row * 64 + col);
    if (n === undefined) return FLOOR[theme];
    if (mode === "difference") return diverging(variation(base, shown, n), theme);
    return sequential((shown.values[n]! - low) / (high - low), theme);
  });
  things(place, board);
  field.cells.forEach((cell, n) => {
    place.pen.globalAlpha = field.known[n] ? 1 : 0.3;
    const [across, along] = net(shown, n);
    const [before, beside] = mode === "difference" ? net(base, n) : [0, 0];
    if (glyph(board, cell) !== "C") arrow(place, cell, across - before, along - beside);
  });
  place.pen.globalAlpha = 1;
}

/** Return the smallest and largest value of both networks, so that shades can be compared. */
export function range(field: Field): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const { values } of [field.original, field.edited])
    for (const one of values) [low, high] = [Math.min(low, one), Math.max(high, one)];
  return high - low > 1e-9 ? [low, high] : [low, low + 1];
}

function floor(place: Place, board: Board, colour: (cell: Cell) => string): void {
  const { pen, size, side, theme } = place;
  for (let row = 0; row < side; row++)
    for (let col = 0; col < side; col++) {
      const [x, y] = corner(place, [row, col]);
      pen.fillStyle = colour([row, col]);
      pen.fillRect(Math.floor(x), Math.floor(y), Math.ceil(size) + 1, Math.ceil(size) + 1);
    }
  pen.strokeStyle = LINE[theme];
  pen.lineWidth = Math.max(1, size / 40);
  for (let n = 0; n <= side; n++) {
    pen.strokeRect(n * size, -1, 0, side * size + 2);
    pen.strokeRect(-1, n * size, side * size + 2, 0);
  }
  pen.fillStyle = WALL[theme];
  for (const cell of find(board, "#")) {
    const [x, y] = corner(place, cell);
    pen.fillRect(Math.floor(x), Math.floor(y), Math.ceil(size) + 1, Math.ceil(size) + 1);
  }
}

function things(place: Place, board: Board): void {
  const side = sideOf(board);
  for (let row = 0; row < side; row++)
    for (let col = 0; col < side; col++) {
      const what = glyph(board, [row, col]);
      if (what === "C") cheese(place, [row, col]);
      if (what === "M") mouse(place, [row, col], board.facing === "right");
    }
}

function cheese(place: Place, cell: Cell): void {
  const { pen, size } = place;
  const [x, y] = corner(place, cell);
  const at = (u: number, v: number): [number, number] => [x + u * size, y + v * size];
  pen.beginPath();
  pen.moveTo(...at(0.12, 0.66));
  pen.lineTo(...at(0.84, 0.2));
  pen.lineTo(...at(0.84, 0.8));
  pen.lineTo(...at(0.12, 0.8));
  pen.closePath();
  pen.fillStyle = CHEESE;
  pen.fill();
  pen.strokeStyle = RIND;
  pen.lineWidth = Math.max(1, size / 22);
  pen.lineJoin = "round";
  pen.stroke();
  pen.fillStyle = RIND;
  for (const [u, v, r] of [[0.66, 0.5, 0.06], [0.46, 0.69, 0.05], [0.7, 0.7, 0.04]] as const) disc(pen, ...at(u, v), r * size);
}

function mouse(place: Place, cell: Cell, right: boolean): void {
  const { pen, size, theme } = place;
  const [x, y] = corner(place, cell);
  const at = (u: number, v: number): [number, number] => [x + (right ? 1 - u : u) * size, y + v * size];
  pen.strokeStyle = FUR[theme];
  pen.lineWidth = Math.max(1, size / 16);
  pen.beginPath();
  pen.moveTo(...at(0.72, 0.66));
  pen.quadraticCurveTo(...at(0.98, 0.76), ...at(0.94, 0.5));
  pen.stroke();
  pen.fillStyle = FUR[theme];
  pen.beginPath();
  pen.ellipse(...at(0.52, 0.62), 0.28 * size, 0.19 * size, 0, 0, 2 * Math.PI);
  pen.fill();
  disc(pen, ...at(0.28, 0.56), 0.16 * size);
  disc(pen, ...at(0.38, 0.38), 0.1 * size);
  pen.fillStyle = theme === "dark" ? "#17191d" : "#fff";
  disc(pen, ...at(0.22, 0.54), 0.035 * size);
}

function disc(pen: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

/** Draw an arrow from the middle of a square; short ones are a dot. */
function arrow(place: Place, cell: Cell, across: number, along: number): void {
  const { pen, size, theme } = place;
  const [x, y] = corner(place, cell);
  const [cx, cy] = [x + size / 2, y + size / 2];
  const length = Math.hypot(across, along);
  pen.fillStyle = pen.strokeStyle = INK[theme];
  if (length < 0.04) {
    disc(pen, cx, cy, size * 0.04);
    return;
  }
  const reach = 0.4 * size * Math.min(1, length);
  const [u, v] = [across / length, -along / length];
  const [tipX, tipY] = [cx + u * reach, cy + v * reach];
  const head = Math.min(0.2 * size, 0.8 * reach);
  pen.lineWidth = Math.max(1, size / 18);
  pen.lineCap = "round";
  pen.beginPath();
  pen.moveTo(cx - u * reach, cy - v * reach);
  pen.lineTo(tipX - u * head * 0.6, tipY - v * head * 0.6);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(tipX, tipY);
  pen.lineTo(tipX - u * head - v * head * 0.55, tipY - v * head + u * head * 0.55);
  pen.lineTo(tipX - u * head + v * head * 0.55, tipY - v * head - u * head * 0.55);
  pen.closePath();
  pen.fill();
}

function drawTrail(place: Place, trail: readonly Cell[]): void {
  if (trail.length < 2) return;
  const { pen, size } = place;
  pen.strokeStyle = "#2f7fd1";
  pen.globalAlpha = 0.55;
  pen.lineWidth = size / 9;
  pen.lineJoin = pen.lineCap = "round";
  pen.beginPath();
  trail.forEach((cell, n) => {
    const [x, y] = corner(place, cell);
    pen[n ? "lineTo" : "moveTo"](x + size / 2, y + size / 2);
  });
  pen.stroke();
  pen.globalAlpha = 1;
}

/** Draw one channel `[H, W]`, row 0 on top, on a scale that is symmetric about zero. */
export function drawMap(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  height: number,
  width: number,
  theme: Theme,
  most = extent(values),
): void {
  const ready = prepared(canvas);
  if (!ready) return;
  const { pen } = ready;
  const [w, h] = [ready.width / width, ready.height / height];
  for (let row = 0; row < height; row++)
    for (let col = 0; col < width; col++) {
      pen.fillStyle = diverging(values[row * width + col]! / most, theme);
      pen.fillRect(Math.floor(col * w), Math.floor(row * h), Math.ceil(w) + 1, Math.ceil(h) + 1);
    }
}

/** Draw an RGB picture `[H, W, 3]` as large as the canvas is. */
export function drawPicture(canvas: HTMLCanvasElement, rgb: Uint8Array, height: number, width: number): void {
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const image = pen.createImageData(width, height);
  for (let n = 0; n < width * height; n++) {
    image.data.set(rgb.subarray(n * 3, n * 3 + 3), n * 4);
    image.data[n * 4 + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
}
