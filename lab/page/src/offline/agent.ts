/** Run an agent that the page contains, with its edits; see `chisel.lab.offline`. */

import { moveCheese, find } from "../document";
import { MOVES } from "../field";
import type { Agent, Answer, Board, Cell, Edit, Facing, Recipe } from "../protocol";
import { observe } from "./maze";
import { Network, softmax, type Activation, type Change, type Changes, type Module, type Output } from "./network";
import { normals } from "./random";

/** Some units at the output of a module. */
interface Part {
  readonly site: string;
  readonly units: readonly number[];
}

/** An agent in the form of the page's file. */
export interface Held {
  readonly facts: Agent & { readonly maze: NonNullable<Agent["maze"]> };
  readonly network: { readonly embedder: Module; readonly policy: Module; readonly critic: Module };
  /** First states of validation mazes. */
  readonly mazes: readonly (readonly string[])[];
  /** Parts of each region, and for each seed those of a random region, or why there is none. */
  readonly regions: Readonly<Record<string, { parts: readonly Part[]; controls: readonly (readonly Part[])[]; why: string }>>;
  /** Numbers of the actions of each move. */
  readonly moves: readonly number[];
}

export interface Prepared {
  readonly changes: Changes;
  /** Factor of each vector that is added, by the edit's place in the list. */
  readonly coefficients: Readonly<Record<string, number>>;
}

const refuse = (why: string): never => {
  throw new Error(why);
};

export const drawn = (maze: readonly string[], facing: Facing = "left"): Board => ({ maze, facing, background: 0, level: -1 });

export class OfflineAgent {
  private readonly network: Network;
  private readonly made = new Map<string, unknown>();

  constructor(
    readonly held: Held,
    private readonly arrays: Answer["arrays"],
    private readonly prefix: string,
  ) {
    const { embedder, policy, critic } = held.network;
    this.network = new Network(embedder, policy, critic, (name) => ({
      weight: this.array(`${name}.weight`),
      bias: this.array(`${name}.bias`),
    }));
  }

  /** Run the network with the mouse on a square. */
  run(board: Board, mouse: readonly [number, number], edits: Prepared | null = null, watch = ""): Output {
    return this.network.run(observe(board, mouse, this.held.facts.maze.largest), edits?.changes, watch);
  }

  /** Return probabilities of the five moves. */
  moves(logits: Float32Array): Float64Array {
    const found = new Float64Array(MOVES.length);
    softmax(logits).forEach((one, action) => (found[this.held.moves[action]!]! += one));
    return found;
  }

  /** Make the vectors and regions of edits that are on; each is made once. */
  prepare(edits: readonly Edit[]): Prepared {
    const changes = new Map<string, Change[]>();
    const coefficients: Record<string, number> = {};
    const put = (site: string, change: Change) => changes.set(site, [...(changes.get(site) ?? []), change]);
    edits.forEach((edit, number) => {
      if (!edit.on) return;
      if (edit.kind === "ablate") {
        for (const { site, units, means } of this.ablated(edit)) put(site, fill(units, means));
        return;
      }
      const shape = this.shape(edit.site);
      if (edit.kind === "add") coefficients[number] = this.coefficient(edit, number);
      put(edit.site, this.change(edit, number, shape, coefficients[number] ?? 0));
    });
    return { changes, coefficients };
  }

  private change(edit: Exclude<Edit, { kind: "ablate" }>, number: number, shape: readonly number[], factor: number): Change {
    switch (edit.kind) {
      case "add": {
        const vector = this.placed(edit, number);
        return ({ data }) => vector.forEach((one, n) => (data[n]! += factor * one));
      }
      case "project":
        return projectOut(this.placed(edit, number));
      case "scale":
        return scale(edit.factor, edit.channels === null ? null : within(edit.channels, shape));
      case "clamp":
        return clamp(within(edit.channels, shape), edit.cells, edit.value, shape);
    }
  }

  /** Return the vector of an edit, or the random vector that replaces it. */
  private placed(edit: Edit & { kind: "add" | "project" }, number: number): Float32Array {
    const vector = this.vector(edit.vector, edit.site);
    if (!norm(vector)) refuse(`edits[${number}]: the vector is zero, so there is nothing to add`);
    return edit.control ? likewise(vector, edit.seed ?? 0) : vector;
  }

  private coefficient(edit: Edit & { kind: "add" }, number: number): number {
    if (edit.unit === "vector") return edit.strength;
    const length = norm(this.vector(edit.vector, edit.site));
    if (!length) refuse(`edits[${number}]: the vector is zero, so there is nothing to add`);
    return (edit.strength * this.norm(edit.site)) / length;
  }

  /** Make a cheese vector: the mean over mazes with their cheese, minus that without. */
  private vector(recipe: Recipe, site: string): Float32Array {
    return this.once(["vector", recipe, site], () => {
      if (recipe.make !== "cheese") refuse(`this page makes no ${recipe.make} vectors`);
      const mazes = recipe.maze?.length ? [recipe.maze] : this.levels(recipe);
      const sum = new Float64Array(this.shape(site).reduce((a, b) => a * b, 1));
      for (const maze of mazes) {
        const board = drawn(maze);
        if (!find(board, "C").length) refuse("a maze has no cheese, but the vector is about it");
        const without = find(board, "C").reduce((one, cell) => moveCheese(one, cell), board);
        const [on, off] = [this.starting(board, site), this.starting(without, site)];
        sum.forEach((_, n) => (sum[n]! += (on[n]! - off[n]!) / mazes.length));
      }
      return Float32Array.from(sum);
    });
  }

  private levels({ levels = 0, seed = 0 }: Recipe): readonly (readonly string[])[] {
    const most = this.held.mazes.length;
    if (seed !== 0 || levels < 1 || levels > most) refuse(`this page has the first ${most} validation mazes of seed 0`);
    return this.held.mazes.slice(0, levels);
  }

  /** Return the mean norm of a layer's output at the starts of all mazes in the page. */
  private norm(site: string): number {
    return this.once(["norm", site], () => {
      const norms = this.held.mazes.map((maze) => norm(this.starting(drawn(maze), site)));
      return norms.reduce((a, b) => a + b, 0) / norms.length;
    });
  }

  private starting(board: Board, site: string): Float32Array {
    return this.run(board, find(board, "M")[0]!, null, site).watched!.data;
  }

  private ablated(edit: Edit & { kind: "ablate" }): { site: string; units: readonly number[]; means: Float32Array | null }[] {
    const region = this.held.regions[edit.region] ?? refuse(`ablate=${edit.region}: no such region`);
    const seeds = region.controls.length;
    if (edit.control && region.why) refuse(region.why);
    const drawn = edit.control ? region.controls[edit.seed ?? 0] : region.parts;
    if (!drawn) return refuse(`this page has the random regions of the seeds 0 to ${seeds - 1}`);
    return drawn.map(({ site, units }) => ({ site, units, means: edit.mode === "zero" ? null : this.array(`mean:${site}`) }));
  }

  private shape(site: string): readonly number[] {
    return this.held.facts.sites.find((one) => one.name === site)?.shape ?? refuse(`there is no layer ${site}`);
  }

  private array(name: string): Float32Array {
    const found = this.arrays[this.prefix + name];
    return found ? (found.data as Float32Array) : refuse(`the page lacks ${name}`);
  }

  private once<T>(key: unknown, make: () => T): T {
    const text = JSON.stringify(key);
    if (!this.made.has(text)) this.made.set(text, make());
    return this.made.get(text) as T;
  }
}

const norm = (vector: ArrayLike<number>): number => Math.sqrt(Array.from(vector).reduce((sum, one) => sum + one * one, 0));

/** Draw a Gaussian vector of equal norm; see `chisel.analysis.steering.random_like`. */
function likewise(vector: Float32Array, seed: number): Float32Array {
  const found = normals(vector.length, seed);
  const factor = norm(vector) / norm(found);
  return Float32Array.from(found, (one) => one * factor);
}

/** Return the numbers of units, each once; negative ones count from the end. */
function within(units: readonly number[], shape: readonly number[]): number[] {
  const size = shape[0]!;
  for (const unit of units)
    if (unit < -size || unit >= size) refuse(`unit ${unit} is out of range: the layer has ${size} (0…${size - 1})`);
  return [...new Set(units.map((unit) => (unit + size) % size))];
}

const places = ({ shape }: Activation): number => shape.slice(1).reduce((a, b) => a * b, 1);

/** Set units to 0, or each to its mean. */
function fill(units: readonly number[], means: Float32Array | null): Change {
  return (values) => {
    const size = places(values);
    for (const unit of units) values.data.fill(means?.[unit] ?? 0, unit * size, (unit + 1) * size);
  };
}

function scale(factor: number, units: readonly number[] | null): Change {
  return (values) => {
    const size = places(values);
    for (const unit of units ?? Array.from({ length: values.shape[0]! }, (_, n) => n))
      for (let n = unit * size; n < (unit + 1) * size; n++) values.data[n]! *= factor;
  };
}

function projectOut(vector: Float32Array): Change {
  const length = norm(vector);
  const unit = vector.map((one) => one / length);
  return ({ data }) => {
    const amount = unit.reduce((sum, one, n) => sum + one * data[n]!, 0);
    unit.forEach((one, n) => (data[n]! -= amount * one));
  };
}

function clamp(units: readonly number[], cells: readonly Cell[] | null, value: number, shape: readonly number[]): Change {
  const [, height, width] = shape;
  if (cells !== null && (height === undefined || width === undefined)) refuse(`an activation of shape ${shape.join("×")} has no cells`);
  for (const [row, col] of cells ?? [])
    if (row < 0 || row >= height! || col < 0 || col >= width!) refuse(`cell (${row}, ${col}) is out of range: the layer is ${height!}×${width!}`);
  return (values) => {
    const size = places(values);
    for (const unit of units)
      if (cells === null) values.data.fill(value, unit * size, (unit + 1) * size);
      else for (const [row, col] of cells) values.data[unit * size + row * width! + col] = value;
  };
}
