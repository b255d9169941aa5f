/** Draw torch's random numbers on the CPU: a seed gives the same numbers as in Python. */

const SIZE = 624;
const SHIFT = 397;

/** Yield the 32-bit words of MT19937 (Matsumoto and Nishimura 1998). */
function* words(seed: number): Generator<number, never> {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let n = 1; n < SIZE; n++) {
    const last = state[n - 1]! ^ (state[n - 1]! >>> 30);
    state[n] = Math.imul(last, 1812433253) + n;
  }
  for (;;) {
    for (let n = 0; n < SIZE; n++) {
      const mixed = (state[n]! & 0x80000000) | (state[(n + 1) % SIZE]! & 0x7fffffff);
      state[n] = state[(n + SHIFT) % SIZE]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    for (let word of state) {
      word ^= word >>> 11;
      word ^= (word << 7) & 0x9d2c5680;
      word ^= (word << 15) & 0xefc60000;
      yield (word ^ (word >>> 18)) >>> 0;
    }
  }
}

/** Return the draws of `torch.randn(count, generator=…, dtype=torch.float64)` with a new seed. */
export function normals(count: number, seed: number): Float64Array {
  const source = words(seed);
  const next = () => (source.next().value & 0x1fffff) * 2 ** -21 + source.next().value * 2 ** -53;
  const found = new Float64Array(count);
  if (count < ROW) {
    for (let n = 0; n < count; n += 2) {
      const angle = 2 * Math.PI * next();
      const radius = Math.sqrt(-2 * Math.log1p(-next()));
      found[n] = radius * Math.cos(angle);
      if (n + 1 < count) found[n + 1] = radius * Math.sin(angle);
    }
    return found;
  }
  const draw = (from: number) => {
    for (let n = from; n < count; n++) found[n] = next();
  };
  draw(0);
  for (let n = 0; n + ROW <= count; n += ROW) boxMuller(found.subarray(n, n + ROW));
  if (count % ROW) {
    draw(count - ROW);
    boxMuller(found.subarray(count - ROW));
  }
  return found;
}

const ROW = 16;

/** Turn sixteen uniform numbers into normal ones, in place. */
function boxMuller(row: Float64Array): void {
  for (let n = 0; n < ROW / 2; n++) {
    const radius = Math.sqrt(-2 * Math.log(1 - row[n]!));
    const angle = 2 * Math.PI * row[n + ROW / 2]!;
    row[n] = radius * Math.cos(angle);
    row[n + ROW / 2] = radius * Math.sin(angle);
  }
}
