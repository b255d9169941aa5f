/** Draw on a canvas: a maze, a field over it, a channel of a layer. */

import { divergingRgb, extent, sequentialRgb, type Rgb, type Theme } from "./colour";
import { find, glyph, sideOf } from "./document";
import { net, variation, type Field, type Mode, type Outputs } from "./field";
import type { Board, Cell } from "./protocol";

const WALL: Record<Theme, string> = { light: "#454f5b", dark: "#0c0e11" };
const FLOOR: Record<Theme, Rgb> = { light: [246, 244, 238], dark: [43, 48, 55] };
const LINE: Record<Theme, string> = { light: "#e4e0d6", dark: "#373d45" };
const INK: Record<Theme, string> = { light: "#1d2329", dark: "#eef1f4" };
const CHEESE = "#eab308";
const RIND = "#a16207";
const FUR: Record<Theme, string> = { light: "#6b7280", dark: "#b6bec8" };

/** Fit a canvas to its place on the page, so that it is sharp at any zoom; return its context. */
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

/** Draw a field, with arrows for moves and shades for values; or draw the difference of two networks. */
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
  if (!field) {
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
    if (mode === "difference") return divergingRgb(variation(base, shown, n), theme);
    return sequentialRgb((shown.values[n]! - low) / (high - low), theme);
  });
  things(place, board);
  const [sure, old]: [Arrows, Arrows] = [new Arrows(place), new Arrows(place)];
  field.cells.forEach((cell, n) => {
    const [across, along] = net(shown, n);
    const [before, beside] = mode === "difference" ? net(base, n) : [0, 0];
    if (glyph(board, cell) !== "C") (field.known[n] ? sure : old).add(cell, across - before, along - beside);
  });
  sure.draw(1);
  old.draw(0.3);
}

/** Return the smallest and largest value of both networks, so that shades can be compared. */
export function range(field: Field): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const { values } of [field.original, field.edited])
    for (const one of values) [low, high] = [Math.min(low, one), Math.max(high, one)];
  return high - low > 1e-9 ? [low, high] : [low, low + 1];
}

function floor(place: Place, board: Board, colour: (cell: Cell) => Rgb): void {
  const { pen, size, side, theme } = place;
  const small = new OffscreenCanvas(side, side);
  small.getContext("2d")?.putImageData(coloured(side, side, (row, col) => colour([side - 1 - row, col])), 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, side * size, side * size);
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

/** Draw arrows from the middles of squares together; short ones become a dot. */
class Arrows {
  private readonly shafts = new Path2D();
  private readonly heads = new Path2D();

  constructor(private readonly place: Place) {}

  add(cell: Cell, across: number, along: number): void {
    const { size } = this.place;
    const [x, y] = corner(this.place, cell);
    const [cx, cy] = [x + size / 2, y + size / 2];
    const length = Math.hypot(across, along);
    if (length < 0.04) {
      this.heads.moveTo(cx, cy);
      this.heads.arc(cx, cy, size * 0.04, 0, 2 * Math.PI);
      return;
    }
    const reach = 0.4 * size * Math.min(1, length);
    const [u, v] = [across / length, -along / length];
    const [tipX, tipY] = [cx + u * reach, cy + v * reach];
    const head = Math.min(0.2 * size, 0.8 * reach);
    this.shafts.moveTo(cx - u * reach, cy - v * reach);
    this.shafts.lineTo(tipX - u * head * 0.6, tipY - v * head * 0.6);
    this.heads.moveTo(tipX, tipY);
    this.heads.lineTo(tipX - u * head - v * head * 0.55, tipY - v * head + u * head * 0.55);
    this.heads.lineTo(tipX - u * head + v * head * 0.55, tipY - v * head - u * head * 0.55);
    this.heads.closePath();
  }

  draw(alpha: number): void {
    const { pen, size, theme } = this.place;
    pen.globalAlpha = alpha;
    pen.fillStyle = pen.strokeStyle = INK[theme];
    pen.lineWidth = Math.max(1, size / 18);
    pen.lineCap = "round";
    pen.stroke(this.shafts);
    pen.fill(this.heads);
    pen.globalAlpha = 1;
  }
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
  const colour = (row: number, col: number) => divergingRgb(values[row * width + col]! / most, theme);
  show(canvas, coloured(height, width, colour));
}

function coloured(height: number, width: number, colour: (row: number, col: number) => Rgb): ImageData {
  const image = new ImageData(width, height);
  for (let n = 0; n < width * height; n++) {
    image.data.set(colour(Math.floor(n / width), n % width), n * 4);
    image.data[n * 4 + 3] = 255;
  }
  return image;
}

/** Show a picture on a canvas of as many pixels, which the page's style enlarges. */
function show(canvas: HTMLCanvasElement, image: ImageData): void {
  const { width, height } = image;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/** Draw an RGB picture `[H, W, 3]` as large as the canvas is. */
export function drawPicture(canvas: HTMLCanvasElement, rgb: Uint8Array, height: number, width: number): void {
  const at = (row: number, col: number) => 3 * (row * width + col);
  const colour = (row: number, col: number): Rgb => [rgb[at(row, col)]!, rgb[at(row, col) + 1]!, rgb[at(row, col) + 2]!];
  show(canvas, coloured(height, width, colour));
}
