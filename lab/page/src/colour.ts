/** Colour scales that people with any colour vision can read, on light and dark paper. */

export type Rgb = readonly [number, number, number];

const mix = (a: Rgb, b: Rgb, t: number): Rgb => [between(a[0], b[0], t), between(a[1], b[1], t), between(a[2], b[2], t)];
const between = (a: number, b: number, t: number): number => Math.round(a + (b - a) * t);
const css = (rgb: Rgb): string => `rgb(${rgb.join(" ")})`;

const NEGATIVE: Rgb = [33, 102, 172];
const POSITIVE: Rgb = [178, 24, 43];
const MIDDLE: Record<Theme, Rgb> = { light: [247, 247, 246], dark: [38, 42, 48] };
const DARK_ENDS: readonly [Rgb, Rgb] = [[96, 165, 230], [240, 120, 105]];
const LOW: Record<Theme, Rgb> = { light: [249, 248, 244], dark: [36, 40, 46] };
const HIGH: Record<Theme, Rgb> = { light: [106, 168, 148], dark: [58, 128, 112] };

export type Theme = "light" | "dark";

/** Return the colour of a value in -1…1: blue below zero, red above. */
export const diverging = (value: number, theme: Theme): string => css(divergingRgb(value, theme));

/** Return the colour of a value in 0…1: paper to green. */
export const sequential = (value: number, theme: Theme): string => css(sequentialRgb(value, theme));

export function divergingRgb(value: number, theme: Theme): Rgb {
  const t = Math.max(-1, Math.min(1, Number.isFinite(value) ? value : 0));
  const [low, high] = theme === "dark" ? DARK_ENDS : [NEGATIVE, POSITIVE];
  return mix(MIDDLE[theme], t < 0 ? low : high, Math.abs(t) ** 0.8);
}

export function sequentialRgb(value: number, theme: Theme): Rgb {
  return mix(LOW[theme], HIGH[theme], Math.max(0, Math.min(1, Number.isFinite(value) ? value : 0)));
}

/** Return the largest absolute value, at least a little above zero. */
export function extent(values: ArrayLike<number>): number {
  let most = 1e-12;
  for (let n = 0; n < values.length; n++) most = Math.max(most, Math.abs(values[n]!));
  return most;
}
