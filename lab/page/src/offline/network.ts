/** Run an Impala network, or a mixture of such networks, in the page as torch does. */

/** A module; `chisel.lab.offline` writes it. Names are those of torch's modules. */
export interface Module {
  readonly kind: "sequence" | "residual" | "mixture" | "conv" | "linear" | "pool" | "relu" | "flatten" | "softmax";
  readonly name: string;
  /** The branch of a residual unit, or the experts of a mixture. */
  readonly parts?: readonly Module[];
  /** Modules that compute a mixture's logits, and its shares from these. */
  readonly gates?: readonly [Module, Module];
}

export interface Parameters {
  /** One row for each output. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** The output of a module for one example: `[C, H, W]` or `[C]`. */
export interface Activation {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Function that changes an activation in place. */
export type Change = (values: Activation) => void;
export type Changes = ReadonlyMap<string, readonly Change[]>;

export interface Output {
  readonly logits: Float32Array;
  readonly value: number;
  /** Activation of the watched module, after its edits. */
  readonly watched: Activation | null;
}

const SIDE = 3;
const TAPS = SIDE * SIDE;

export class Network {
  private changes: Changes = new Map();
  private watch = "";
  private watched: Activation | null = null;

  constructor(
    private readonly embedder: Module,
    private readonly policy: Module,
    private readonly critic: Module,
    private readonly parameters: (name: string) => Parameters,
  ) {}

  run(observation: Activation, changes: Changes = new Map(), watch = ""): Output {
    [this.changes, this.watch, this.watched] = [changes, watch, null];
    const features = this.through(this.embedder, observation);
    const logits = this.through(this.policy, features);
    const value = this.through(this.critic, features);
    return { logits: logits.data, value: value.data[0]!, watched: this.watched };
  }

  private through(module: Module, input: Activation): Activation {
    const output = this.compute(module, input);
    for (const change of this.changes.get(module.name) ?? []) change(output);
    if (module.name === this.watch) this.watched = { ...output, data: output.data.slice() };
    return output;
  }

  private compute(module: Module, input: Activation): Activation {
    const parts = module.parts ?? [];
    switch (module.kind) {
      case "sequence":
        return parts.reduce((now, part) => this.through(part, now), input);
      case "residual":
        return this.residual(parts, input);
      case "mixture":
        return this.mixture(module, input);
      case "conv":
        return convolved(input, this.parameters(module.name));
      case "linear": {
        const { weight, bias } = this.parameters(module.name);
        const data = new Float32Array(bias.length);
        multiply(weight, bias, input.data, data, 0, 1);
        return { shape: [bias.length], data };
      }
      case "pool":
        return pooled(input);
      case "relu":
        return { ...input, data: input.data.map((one) => (one > 0 ? one : 0)) };
      case "flatten":
        return { shape: [input.data.length], data: input.data.slice() };
      case "softmax":
        return { ...input, data: Float32Array.from(softmax(input.data)) };
    }
  }

  /** The last part stands for the sum of input and branch. */
  private residual(parts: readonly Module[], input: Activation): Activation {
    const sum = parts.at(-1)!;
    const branch = parts.slice(0, -1).reduce((now, part) => this.through(part, now), input);
    const added = { ...input, data: input.data.map((one, n) => one + branch.data[n]!) };
    return this.through({ kind: "sequence", name: sum.name }, added);
  }

  private mixture({ parts = [], gates }: Module, input: Activation): Activation {
    const features = parts.map((expert) => this.through(expert, input));
    const [logits, shares] = gates!;
    const { data } = this.through(shares, this.through(logits, input));
    const total = Math.max(data.reduce((a, b) => a + b, 0), 2 ** -126);
    const mixed = new Float32Array(features[0]!.data.length);
    for (let n = 0; n < mixed.length; n++) {
      let sum = 0;
      features.forEach((one, k) => (sum += (data[k]! / total) * one.data[n]!));
      mixed[n] = sum;
    }
    return { shape: [mixed.length], data: mixed };
  }
}

/** Return the probabilities of logits. */
export function softmax(logits: Float32Array): Float64Array {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (one) => Math.exp(one - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((one) => one / total);
}

/** Convolve with kernels of 3×3, with a border of one zero around the map. */
function convolved({ shape, data }: Activation, { weight, bias }: Parameters): Activation {
  const [channels, height, width] = shape as [number, number, number];
  const found = new Float32Array(bias.length * height * width);
  const patch = new Float32Array(channels * TAPS);
  for (let row = 0; row < height; row++)
    for (let col = 0; col < width; col++) {
      for (let tap = 0; tap < TAPS; tap++) {
        const [y, x] = [row + Math.floor(tap / SIDE) - 1, col + (tap % SIDE) - 1];
        const inside = y >= 0 && y < height && x >= 0 && x < width;
        for (let c = 0; c < channels; c++) patch[c * TAPS + tap] = inside ? data[(c * height + y) * width + x]! : 0;
      }
      multiply(weight, bias, patch, found, row * width + col, height * width);
    }
  return { shape: [bias.length, height, width], data: found };
}

/**
 * Write `weight · input + bias` to `output[at]`, `output[at + step]`, …; sums are double.
 * Four rows at a time: their sums do not wait for each other.
 */
function multiply(
  weight: Float32Array,
  bias: Float32Array,
  input: Float32Array,
  output: Float32Array,
  at: number,
  step: number,
): void {
  const [rows, columns] = [bias.length, input.length];
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    const [i, j, k, l] = [row * columns, (row + 1) * columns, (row + 2) * columns, (row + 3) * columns];
    let [a, b, c, d] = [bias[row]!, bias[row + 1]!, bias[row + 2]!, bias[row + 3]!];
    for (let n = 0; n < columns; n++) {
      const one = input[n]!;
      a += weight[i + n]! * one;
      b += weight[j + n]! * one;
      c += weight[k + n]! * one;
      d += weight[l + n]! * one;
    }
    const first = at + row * step;
    [output[first], output[first + step], output[first + 2 * step], output[first + 3 * step]] = [a, b, c, d];
  }
  for (; row < rows; row++) {
    let sum = bias[row]!;
    for (let n = 0; n < columns; n++) sum += weight[row * columns + n]! * input[n]!;
    output[at + row * step] = sum;
  }
}

/** Take the largest of 3×3 cells, every other row and column. */
function pooled({ shape, data }: Activation): Activation {
  const [channels, height, width] = shape as [number, number, number];
  const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const found = new Float32Array(channels * rows * columns).fill(-Infinity);
  for (let c = 0; c < channels; c++)
    for (let row = 0; row < rows; row++)
      for (let col = 0; col < columns; col++) {
        const at = (c * rows + row) * columns + col;
        for (let y = Math.max(0, 2 * row - 1); y < Math.min(height, 2 * row + 2); y++)
          for (let x = Math.max(0, 2 * col - 1); x < Math.min(width, 2 * col + 2); x++)
            found[at] = Math.max(found[at]!, data[(c * height + y) * width + x]!);
      }
  return { shape: [channels, rows, columns], data: found };
}
