import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Store } from "./store";
import type { Agent, Answer, Board, Session } from "./protocol";
import type { Transport } from "./transport";

type Sent = Readonly<Record<string, unknown>>;

class FakeTransport implements Transport {
  onAnswer: Transport["onAnswer"] = () => undefined;
  onLink: Transport["onLink"] = () => undefined;
  readonly token = "";
  readonly offline = false;
  readonly sent: Sent[] = [];

  start(): void {
    this.onLink("open", "");
  }

  send(message: object): void {
    this.sent.push(message as Sent);
  }

  refuse(): void {
    throw new Error("not refused here");
  }

  give(kind: string, head: object, arrays: Answer["arrays"] = {}): void {
    this.onAnswer({ kind, head: head as Answer["head"], arrays });
  }

  shows(): Sent[] {
    return this.sent.filter((one) => one["kind"] === "show");
  }
}

const board: Board = { maze: ["M."], facing: "left", background: 0, level: -1 };
const begun: Session = { format: 1, board, slots: [{ agent: "a", digest: "", edits: [] }] };
const agent = { name: "a", digest: "", sites: [], maze: {} } as unknown as Agent;
const level = (one: number) => (b: Board) => ({ ...b, level: one });

let transport: FakeTransport;
let store: Store;

async function welcome(): Promise<void> {
  transport.give("welcome", { agents: ["a"], session: begun });
  const id = transport.sent.filter((one) => one["kind"] === "open").at(-1)?.["id"];
  transport.give("agent", { id, ...agent });
  for (let n = 0; n < 10; n++) await Promise.resolve();
}

/** Answer the newest question: the mouse's square, or both squares. */
function answer(rows: number[]): void {
  const rev = newest();
  const numbers = (count: number) => ({ shape: [rows.length, count], data: new Float32Array(rows.length * count) });
  transport.give("board", { rev, board, cells: [[0, 0], [0, 1]] });
  transport.give("now", { rev, slot: 0, row: 0 }, { rows: { shape: [rows.length], data: Int32Array.from(rows) }, moves: numbers(5), values: numbers(1) });
  store.drawn(rev);
}

const newest = (): number => transport.shows().at(-1)?.["rev"] as number;
const asked = (): number[] => transport.shows().map((one) => (one["session"] as Session).board.level);

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
  vi.stubGlobal("document", { documentElement: { dataset: {} }, dispatchEvent: () => true });
  transport = new FakeTransport();
  store = new Store(transport, null);
  await welcome();
  answer([0, 1]);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("while somebody draws, an answer is drawn before the newest maze is asked about", () => {
  for (const one of [1, 2, 3]) store.changeBoard(level(one), "stroke");
  expect(asked()).toEqual([-1, 1]);
  answer([0, 1]);
  expect(asked()).toEqual([-1, 1, 3]);
  answer([0, 1]);
  expect(asked()).toEqual([-1, 1, 3]);
});

test("an answer that takes long keeps the next question waiting for a tenth of a second", () => {
  store.changeBoard(level(1), "stroke");
  store.changeBoard(level(2), "stroke");
  answer([0]);
  vi.advanceTimersByTime(99);
  expect(asked()).toEqual([-1, 1]);
  vi.advanceTimersByTime(1);
  expect(asked()).toEqual([-1, 1, 2]);
});

test("until its first square is drawn, an answer is waited for", () => {
  store.changeBoard(level(1), "stroke");
  vi.advanceTimersByTime(300);
  store.changeBoard(level(2), "stroke");
  expect(asked()).toEqual([-1, 1]);
  answer([0]);
  expect(asked()).toEqual([-1, 1, 2]);
});

test("a question that cannot be answered does not stop the next one", () => {
  store.changeBoard(level(1), "stroke");
  store.changeBoard(level(2), "stroke");
  transport.give("error", { rev: newest(), text: "no", fault: "request" });
  expect(asked()).toEqual([-1, 1, 2]);
});

test("a lost link does not stop the next question", async () => {
  store.changeBoard(level(1), "stroke");
  transport.onLink("lost", "");
  store.changeBoard(level(2), "stroke");
  transport.onLink("open", "");
  await welcome();
  expect(asked()).toEqual([-1, 1, 2]);
});
