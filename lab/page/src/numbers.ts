/** Write numbers for people to read. */

/** Write a number with some decimals; a number that rounds to zero has no minus. */
export const fixed = (one: number, digits: number): string =>
  (Math.abs(one) < 0.5 / 10 ** digits ? 0 : one).toFixed(digits);

/** Write a change with its sign; it has none if it rounds to zero, and an unknown one is a dash. */
export function signed(one: number, digits: number): string {
  if (!Number.isFinite(one)) return "–";
  const text = fixed(Math.abs(one), digits);
  return Number(text) === 0 ? text : `${one < 0 ? "−" : "+"}${text}`;
}
