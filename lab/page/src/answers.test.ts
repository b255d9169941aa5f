import { expect, test } from "vitest";
import { diverging, extent, sequential } from "./colour";
import { begin, mostChanged, net, take, variation } from "./field";
import { controls } from "./Compare";
import { fieldOf, joined, mapsOf } from "./Layers";
import { rowOf } from "./Language";
import { fixed, signed } from "./numbers";
import { decode, type Agent, type Answer, type Board, type Edit } from "./protocol";
import { packed, unpacked } from "./saving";

/** Write an answer as `chisel.lab.protocol.frame` does. */
function framed(head: object, arrays: Record<string, [number[], Float32Array | Int32Array]>): ArrayBuffer {
  const parts = Object.entries(arrays).map(([name, [shape, data]]) => ({
    name,
    shape,
    type: data instanceof Float32Array ? "float32" : "int32",
  }));
  let text = JSON.stringify({ ...head, parts });
  const bytes = () => new TextEncoder().encode(text).length;
  while ((4 + bytes()) % 8) text += " ";
  const body = Object.values(arrays).flatMap(([, data]) => {
    const raw = [...new Uint8Array(data.buffer)];
    return [...raw, ...Array.from({ length: (8 - (raw.length % 8)) % 8 }, () => 0)];
  });
  const all = new Uint8Array(4 + bytes() + body.length);
  new DataView(all.buffer).setUint32(0, bytes(), true);
  all.set(new TextEncoder().encode(text), 4);
  all.set(body, 4 + bytes());
  return all.buffer;
}

test("a frame is read back, whatever the lengths of its parts", () => {
  const answer = decode(
    framed({ kind: "x", é: "ü" }, { a: [[3], Int32Array.of(1, 2, 3)], b: [[1, 2], Float32Array.of(0.5, -1)] }),
  );
  expect(answer.kind).toBe("x");
  expect(answer.head).toEqual({ é: "ü" });
  expect([...(answer.arrays["a"]?.data ?? [])]).toEqual([1, 2, 3]);
  expect(answer.arrays["b"]?.shape).toEqual([1, 2]);
  expect([...(answer.arrays["b"]?.data ?? [])]).toEqual([0.5, -1]);
});

const cells = [[0, 0], [0, 1]] as const;
const piece = (rows: number[], moves: number[], values: number[]): Answer => ({
  kind: "field",
  head: {},
  arrays: {
    rows: { shape: [rows.length], data: Int32Array.from(rows) },
    moves: { shape: [rows.length, 5], data: Float32Array.from(moves) },
    values: { shape: [rows.length], data: Float32Array.from(values) },
  },
});

test("pieces of a field come in any order, and what is not reached is known to be old", () => {
  const field = begin(1, cells, null);
  take(field, piece([1], [1, 0, 0, 0, 0], [5]));
  expect([...field.known]).toEqual([0, 1]);
  expect(net(field.original, 1)).toEqual([-1, 0]);
  expect(field.edited.values[1]).toBe(5);
  const next = begin(2, [[0, 1]], field);
  expect([...next.known]).toEqual([0]);
  expect(next.original.values[0]).toBe(5);
});

test("the variation is the share of the moves that changed", () => {
  const [a, b] = [begin(1, cells, null), begin(1, cells, null)];
  take(a, piece([0, 1], [1, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0], [0, 0]));
  take(b, piece([0, 1], [0, 1, 0, 0, 0, 0.5, 0.25, 0.25, 0, 0], [0, 0]));
  expect(variation(a.edited, b.edited, 0)).toBe(1);
  expect(variation(a.edited, b.edited, 1)).toBe(0.25);
  expect(mostChanged(a.edited, b.edited, 1)).toEqual([{ row: 0, change: 1 }]);
});

test("colour scales are symmetric, and take what is no number for the middle", () => {
  expect(diverging(0, "light")).toBe(diverging(NaN, "light"));
  expect(diverging(2, "dark")).toBe(diverging(1, "dark"));
  expect(sequential(-1, "light")).toBe(sequential(0, "light"));
  expect(extent([1, -3])).toBe(3);
});

test("channels are sorted by what the edits change", () => {
  const layer = { site: "s", shape: [2, 1, 1], original: Float32Array.of(9, 0), edited: Float32Array.of(9, 1) };
  expect(mapsOf(layer, "edited", "change").order).toEqual([1, 0]);
  expect(mapsOf(layer, "edited", "size").order).toEqual([0, 1]);
  expect([...mapsOf(layer, "difference", "number").values]).toEqual([0, 1]);
});

const clamp = (cell: readonly [number, number], value = 5): Edit & { kind: "clamp" } => ({
  kind: "clamp",
  on: true,
  site: "s",
  channels: [1],
  cells: [cell],
  value,
});

test("clamps of one channel to one value are one edit", () => {
  const one = joined(joined([], clamp([0, 0])), clamp([0, 1]));
  expect(one).toHaveLength(1);
  expect(one[0]?.kind === "clamp" && one[0].cells).toEqual([[0, 0], [0, 1]]);
  expect(joined(one, clamp([0, 1]))).toEqual(one);
  expect(joined(one, clamp([0, 1], 2))).toHaveLength(2);
});

test("controls stand for vectors and regions alone", () => {
  const edits: Edit[] = [clamp([0, 0]), { kind: "ablate", on: true, region: "r", mode: "zero", control: false }];
  expect(controls(edits).map((edit) => "control" in edit && edit.control)).toEqual([false, true]);
});

test("a session survives its link", async () => {
  const session = {
    format: 1,
    board: { maze: ["M"], facing: "left", background: 0, level: -1 },
    slots: [{ agent: "agents/ü", digest: "", edits: [] }],
  } as const;
  expect(await unpacked(await packed(session))).toEqual(session);
});

const board: Board = { maze: Array.from({ length: 5 }, () => "....."), facing: "left", background: 0, level: -1 };
const sees = (view: string, largest: number) => ({ maze: { view, largest } }) as unknown as Agent;

test("what a cell sees lies around its middle, and ends at the board", () => {
  const planes = sees("symbolic", 9); // two rings of walls around the board
  const site = { name: "conv", shape: [1, 9, 9], step: 1, reach: 1 };
  expect(fieldOf(site, planes, board, 0, [4, 4])).toEqual({ left: 1, right: 4, bottom: 1, top: 4 });
  expect(fieldOf(site, planes, board, 0, [2, 2])).toEqual({ left: 0, right: 2, bottom: 3, top: 5 });
  expect(fieldOf(site, planes, board, 0, [0, 0])).toBe(null);
  const pooled = { name: "pool", shape: [1, 5, 5], step: 2, reach: 30 };
  expect(fieldOf(pooled, planes, board, 0, [0, 0])).toEqual({ left: 0, right: 5, bottom: 0, top: 5 });
  const pixels = { name: "conv", shape: [1, 64, 64], step: 1, reach: 0 }; // eight squares of eight pixels
  expect(fieldOf(pixels, sees("pixels", 5), board, 1.5, [31, 31])?.left).toBeCloseTo(31 / 8 - 1);
  expect(fieldOf({ name: "fc", shape: [3] }, planes, board, 0, [0, 0])).toBe(null);
});

test("the range of random vectors is that of each strength", () => {
  const arrays = {
    shift: { shape: [2], data: Float32Array.of(1, 2) },
    loss: { shape: [2], data: Float32Array.of(0, 0) },
    random: { shape: [2, 3], data: Float32Array.of(-1, 0, 1, 4, 3, 5) },
  };
  expect(rowOf(7, { kind: "tried", head: {}, arrays }).random).toEqual([[-1, 1], [3, 5]]);
});

test("what rounds to zero has no sign", () => {
  expect([-0.004, -0.006, 2].map((one) => fixed(one, 2))).toEqual(["0.00", "-0.01", "2.00"]);
  expect([-0.004, -0.006, 2, NaN].map((one) => signed(one, 2))).toEqual(["0.00", "−0.01", "+2.00", "–"]);
});
