/** Colour scales that people with any colour vision can read, on light and dark paper. */

type Rgb = readonly [number, number, number];

const mix = (a: Rgb, b: Rgb, t: number): string =>
  `rgb(${a.map((one, k) => Math.round(one + (b[k]! - one) * t)).join(" ")})`;

const NEGATIVE: Rgb = [33, 102, 172];
const POSITIVE: Rgb = [178, 24, 43];
const MIDDLE: Record<Theme, Rgb> = { light: [247, 247, 246], dark: [38, 42, 48] };
const DARK_ENDS: readonly [Rgb, Rgb] = [[96, 165, 230], [240, 120, 105]];
const LOW: Record<Theme, Rgb> = { light: [249, 248, 244], dark: [36, 40, 46] };
const HIGH: Record<Theme, Rgb> = { light: [106, 168, 148], dark: [58, 128, 112] };

export type Theme = "light" | "dark";

/** Return the colour of a value in -1…1: blue below zero, red above. */
export function diverging(value: number, theme: Theme): string {
  const t = Math.max(-1, Math.min(1, Number.isFinite(value) ? value : 0));
  const [low, high] = theme === "dark" ? DARK_ENDS : [NEGATIVE, POSITIVE];
  return mix(MIDDLE[theme], t < 0 ? low : high, Math.abs(t) ** 0.8);
}

/** Return the colour of a value in 0…1: paper to green. */
export function sequential(value: number, theme: Theme): string {
  return mix(LOW[theme], HIGH[theme], Math.max(0, Math.min(1, Number.isFinite(value) ? value : 0)));
}

/** Return the largest absolute value, at least a little above zero. */
export function extent(values: ArrayLike<number>): number {
  let most = 1e-12;
  for (let n = 0; n < values.length; n++) most = Math.max(most, Math.abs(values[n]!));
  return most;
}
