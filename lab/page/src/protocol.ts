/** Messages between page and server; `chisel.lab.protocol` is the other side. */

export const VERSION = 1;

export type Facing = "left" | "right";
export type Cell = readonly [row: number, column: number];

export interface Board {
  /** Drawing, top row first: `#` wall, `.` free, `C` cheese, `M` mouse. */
  readonly maze: readonly string[];
  readonly facing: Facing;
  readonly background: number;
  readonly level: number;
}

export interface Recipe {
  readonly make: "cheese" | "top-right" | "file";
  readonly maze?: readonly string[];
  readonly levels?: number;
  readonly seed?: number;
  readonly file?: string;
}

interface Control {
  readonly control?: boolean;
  readonly seed?: number;
}

export type Edit = { readonly on: boolean } & (
  | ({ kind: "add"; site: string; vector: Recipe; strength: number; unit: "vector" | "norm" } & Control)
  | ({ kind: "project"; site: string; vector: Recipe } & Control)
  | { kind: "clamp"; site: string; channels: readonly number[]; cells: readonly Cell[] | null; value: number }
  | { kind: "scale"; site: string; channels: readonly number[] | null; factor: number }
  | ({ kind: "ablate"; region: string; mode: "zero" | "mean" } & Control)
);

export interface Slot {
  readonly agent: string;
  readonly digest: string;
  readonly edits: readonly Edit[];
}

export interface Session {
  readonly format: number;
  readonly board: Board;
  readonly slots: readonly Slot[];
}

export interface Site {
  readonly name: string;
  readonly shape: readonly number[];
  /** Pixels of the observation between neighbouring cells. */
  readonly step?: number;
  /** Pixels that a cell sees to each side of its middle. */
  readonly reach?: number;
}

export interface Agent {
  readonly name: string;
  readonly digest: string;
  readonly experiment: string;
  readonly env_steps: number | null;
  readonly world: string;
  readonly model: string;
  readonly maze: {
    readonly mode: string;
    readonly view: string;
    readonly goals: string;
    readonly region: number | null;
    readonly largest: number;
    readonly smallest: number;
    readonly timeout: number;
    /** Number of validation mazes that a page without a server has. */
    readonly mazes?: number;
  } | null;
  readonly sites: readonly Site[];
  readonly regions: readonly { readonly name: string; readonly units: number }[];
  readonly vectors: readonly string[];
  /** Facts about a language model: its blocks and units, the first inputs, and its regions. */
  readonly language?: {
    readonly layers: number;
    readonly width: number;
    readonly plus: string;
    readonly minus: string;
    readonly prompt: string;
    readonly prompts: readonly string[];
    readonly wanted: readonly string[];
    readonly unwanted: readonly string[];
    readonly regions: readonly string[];
  };
}

export interface Facts {
  readonly rev: number;
  readonly board: Board;
  readonly cells: readonly Cell[];
  /** Cells of wall around the maze in the agent's view. */
  readonly ring: number;
  /** Split of the layout; empty if a page without a server does not know it. */
  readonly split: string;
  readonly cheese_path: readonly number[];
  readonly corner_path: number;
  readonly marks: readonly string[];
}

export interface Solved {
  readonly cheese?: number;
  readonly corner?: number;
  readonly neither?: number;
  readonly length?: number;
  readonly return?: number;
  readonly reason?: string;
}

export interface Moment {
  readonly step: number;
  readonly actions: readonly string[];
  readonly action: number | null;
  readonly reward: number;
  readonly total: number;
  /** Impact penalty of the step, and of all steps so far; null if the agent was trained without one. */
  readonly penalty: number | null;
  readonly penalty_total: number | null;
  /** Factor of the penalty before it is subtracted from the reward. */
  readonly penalty_weight: number | null;
  readonly end: Readonly<Record<string, unknown>> | null;
  readonly value: number | null;
  readonly board: readonly string[] | null;
  readonly facing: Facing | null;
  readonly trail: readonly Cell[];
}

type Typed = Float32Array | Int32Array | Uint8Array;

/** A decoded answer: its head and its arrays. */
export interface Answer {
  readonly kind: string;
  readonly head: Readonly<Record<string, unknown>>;
  readonly arrays: Readonly<Record<string, { shape: readonly number[]; data: Typed }>>;
}

interface Part {
  name: string;
  shape: number[];
  type: "float32" | "int32" | "uint8";
}

const KINDS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

/** Read an answer: a length, a JSON head, and arrays at multiples of 8 bytes. */
export function decode(bytes: ArrayBuffer): Answer {
  const length = new DataView(bytes).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  const { kind, parts, ...head } = JSON.parse(text) as { kind: string; parts: Part[] };
  const arrays: Record<string, { shape: number[]; data: Typed }> = {};
  let at = 4 + length;
  for (const { name, shape, type } of parts) {
    const data = new KINDS[type](bytes, at, shape.reduce((a, b) => a * b, 1));
    arrays[name] = { shape, data };
    at += Math.ceil(data.byteLength / 8) * 8;
  }
  return { kind, head, arrays };
}
