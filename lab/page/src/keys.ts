/** The keys of the page, as one table. They do nothing while somebody types text or numbers. */

export interface Key {
  readonly key: string;
  readonly control?: boolean;
  readonly shift?: boolean;
  readonly where: "everywhere" | "board" | "play";
  readonly does: string;
  readonly action: string;
}

export const KEYS: readonly Key[] = [
  { key: "z", control: true, where: "everywhere", does: "undo", action: "undo" },
  { key: "z", control: true, shift: true, where: "everywhere", does: "redo", action: "redo" },
  { key: "y", control: true, where: "everywhere", does: "redo", action: "redo" },
  { key: "v", where: "everywhere", does: "field: edited, original, difference", action: "mode" },
  { key: "[", where: "everywhere", does: "channel before", action: "channel-1" },
  { key: "]", where: "everywhere", does: "next channel", action: "channel+1" },
  { key: "?", where: "everywhere", does: "this list", action: "help" },
  { key: "w", where: "board", does: "wall or floor", action: "wall" },
  { key: "m", where: "board", does: "put the mouse here", action: "mouse" },
  { key: "c", where: "board", does: "put the cheese here, or take it away", action: "cheese" },
  { key: "c", shift: true, where: "board", does: "one more piece of cheese", action: "more" },
  { key: "f", where: "board", does: "turn the mouse", action: "turn" },
  { key: "1", where: "board", does: "1 to 9: the maze that is kept there", action: "open" },
  { key: "1", shift: true, where: "board", does: "keep this maze as 1 to 9", action: "keep" },
  { key: " ", where: "play", does: "the agent takes a step", action: "agent" },
  { key: "p", where: "play", does: "run, or stop", action: "run" },
  { key: "Backspace", where: "play", does: "one step back", action: "back" },
  { key: "ArrowLeft", where: "play", does: "you go left", action: "left" },
  { key: "ArrowDown", where: "play", does: "you go down", action: "down" },
  { key: "ArrowUp", where: "play", does: "you go up", action: "up" },
  { key: "ArrowRight", where: "play", does: "you go right", action: "right" },
];

/** Codes of the digit keys, since with Shift the typed character depends on the keyboard. */
const DIGIT = /^(?:Digit|Numpad)([1-9])$/;

export const digitOf = (event: KeyboardEvent): string => DIGIT.exec(event.code)?.[1] ?? "";

const WRITES = new Set(["text", "number", "search", "url"]);

function writes(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return WRITES.has(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** Return the action of a key, or null. */
export function actionOf(event: KeyboardEvent, where: Key["where"]): string | null {
  if (writes(event.target) || event.altKey) return null;
  const control = event.ctrlKey || event.metaKey;
  const letter = DIGIT.test(event.code) ? "1" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const found = KEYS.find(
    (one) =>
      one.where === where &&
      one.key === letter &&
      (one.control ?? false) === control &&
      (one.key === "?" || (one.shift ?? false) === event.shiftKey),
  );
  return found?.action ?? null;
}
