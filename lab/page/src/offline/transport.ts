/** Answer the page's messages in the page itself, as the server does. */

import { mouseOf } from "../document";
import { MOVES } from "../field";
import { decode, VERSION, type Answer, type Board, type Cell, type Session } from "../protocol";
import type { Transport } from "../transport";
import { drawn, OfflineAgent, type Held, type Prepared } from "./agent";
import { factsOf, freeCells, solve, wrong } from "./maze";

/** Number of squares that are computed before the page may draw and handle clicks. */
const CHUNK = 16;
/** Number of mazes with edits whose outputs are kept, so that undoing is quick. */
const KEPT = 12;

type Message = Readonly<Record<string, unknown>>;
interface Show {
  readonly rev: number;
  readonly session: Session;
  readonly site: string | null;
}

/** Outputs at the free squares of a maze; NaN where they are not computed yet. */
interface Outputs {
  readonly moves: Float64Array;
  readonly values: Float32Array;
}

export class OfflineTransport implements Transport {
  onAnswer: Transport["onAnswer"] = () => undefined;
  onLink: Transport["onLink"] = () => undefined;
  readonly token = "";
  readonly offline = true;
  readonly agents: ReadonlyMap<string, OfflineAgent>;
  private readonly session: Session;
  private readonly chisel: string;
  private readonly kept = new Map<string, Outputs>();
  private newest = -1;

  /** Read what `chisel.lab.offline` wrote. */
  constructor(bytes: ArrayBuffer) {
    const { head, arrays } = decode(bytes);
    const held = head["agents"] as Held[];
    this.agents = new Map(held.map((one, n) => [one.facts.name, new OfflineAgent(one, arrays, `${n}/`)]));
    this.session = head["session"] as Session;
    this.chisel = head["chisel"] as string;
  }

  start(): void {
    this.onLink("open", "");
  }

  refuse(why: string): void {
    this.onLink("refused", why);
  }

  send(message: object): void {
    void this.answered(message as Message);
  }

  private async answered(message: Message): Promise<void> {
    const shown = message["kind"] === "show" ? (message as unknown as Show) : null;
    if (shown) this.newest = shown.rev;
    await pause();
    try {
      if (shown) await this.show(shown);
      else this.once(message);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.give("error", { text, fault: "request", ...(shown ? { rev: shown.rev } : { id: message["id"] }) });
    }
  }

  private once(message: Message): void {
    const { kind, id } = message;
    if (kind === "hello")
      this.give("welcome", { version: VERSION, chisel: this.chisel, agents: [...this.agents.keys()], session: this.session });
    else if (kind === "open") this.give("agent", { id, ...this.agent(message["agent"] as string).held.facts });
    else if (kind === "level") {
      const { mazes } = this.agent(message["agent"] as string).held;
      const maze = mazes[message["seed"] as number];
      if (!maze) throw new Error(`this page has the mazes 0 to ${mazes.length - 1}`);
      this.give("level", { id, board: drawn(maze) });
    } else throw new Error("a page without a server cannot do this");
  }

  private async show({ rev, session, site }: Show): Promise<void> {
    const { board } = session;
    const slots = session.slots.map(({ agent: name, digest, edits }) => {
      const agent = this.agent(name);
      const why = wrong(board, agent.held.facts.maze);
      if (why !== null) throw new Error(why);
      if (digest && digest !== agent.held.facts.digest) throw new Error(`${name} has other weights than this session was made with`);
      const on = edits.filter((one) => one.on);
      return { name, agent, edits: on.length ? agent.prepare(edits) : null, key: JSON.stringify(on) };
    });
    const cells = freeCells(board);
    const first = slots[0]!.agent.held;
    const known = first.mazes.some((maze) => sameWalls(maze, board.maze));
    this.give("board", { ...factsOf(board, first.facts.maze, rev, known ? "validation" : "") });
    slots.forEach(({ agent, edits }, slot) => this.now(agent, edits, board, cells, { rev, slot, site }));
    const outputs: { original: Outputs; edited: Outputs | null }[] = [];
    for (const [slot, { name, agent, edits, key }] of slots.entries()) {
      const [original, edited] = ["[]", key].map((one) => this.outputs([name, board.maze, one], cells.length));
      const order = nearest(cells, mouseOf(board));
      const chunks = Math.ceil(order.length / CHUNK);
      for (let chunk = 0; chunk < chunks; chunk++) {
        const rows = order.slice(chunk * CHUNK, (chunk + 1) * CHUNK);
        for (const row of rows) {
          fillIn(original!, row, agent, board, cells[row]!, null);
          if (edits) fillIn(edited!, row, agent, board, cells[row]!, edits);
        }
        const arrays = { rows: { shape: [rows.length], data: Int32Array.from(rows) }, ...piece("", original!, rows) };
        this.give("field", { rev, slot, chunk, chunks }, edits ? { ...arrays, ...piece("edited_", edited!, rows) } : arrays);
        await pause();
        if (rev < this.newest) return;
      }
      outputs.push({ original: original!, edited: edits ? edited! : null });
    }
    outputs.forEach(({ original, edited }, slot) => {
      const { maze } = slots[slot]!.agent.held.facts;
      const solved = (one: Outputs) => solve(board, maze, one.moves);
      this.give("solved", { rev, slot, original: solved(original), edited: edited && solved(edited) });
    });
    this.give("done", { rev });
  }

  /** Answer with the outputs and the layer at the mouse's square. */
  private now(
    agent: OfflineAgent,
    edits: Prepared | null,
    board: Board,
    cells: readonly Cell[],
    { rev, slot, site }: { rev: number; slot: number; site: string | null },
  ): void {
    const mouse = mouseOf(board);
    const row = cells.findIndex((cell) => cell.join() === mouse.join());
    const arrays: Record<string, Answer["arrays"][string]> = {};
    for (const [prefix, used] of [["", null], ["edited_", edits]] as const) {
      if (prefix && !used) continue;
      const { logits, value, watched } = agent.run(board, mouse, used, site ?? "");
      arrays[`${prefix}moves`] = { shape: [1, MOVES.length], data: Float32Array.from(agent.moves(logits)) };
      arrays[`${prefix}values`] = { shape: [1], data: Float32Array.of(value) };
      if (watched) arrays[`${prefix}layer`] = watched;
    }
    const watched = arrays["layer"] ? site : null;
    this.give("now", { rev, slot, row, site: watched, ...(edits && { coefficients: edits.coefficients }) }, arrays);
  }

  private agent(name: string): OfflineAgent {
    const found = this.agents.get(name);
    if (!found) throw new Error(`this page has no agent ${name}; it has ${[...this.agents.keys()].join(", ")}`);
    return found;
  }

  /** Return the outputs of a network in a maze, as far as they are known. */
  private outputs(key: unknown, count: number): Outputs {
    const text = JSON.stringify(key);
    const found = this.kept.get(text) ?? {
      moves: new Float64Array(count * MOVES.length),
      values: new Float32Array(count).fill(NaN),
    };
    this.kept.delete(text);
    this.kept.set(text, found);
    for (const old of this.kept.keys()) if (this.kept.size > KEPT) this.kept.delete(old);
    return found;
  }

  private give(kind: string, head: Readonly<Record<string, unknown>>, arrays: Answer["arrays"] = {}): void {
    this.onAnswer({ kind, head, arrays });
  }
}

function fillIn({ moves, values }: Outputs, row: number, agent: OfflineAgent, board: Board, cell: Cell, edits: Prepared | null): void {
  if (!Number.isNaN(values[row])) return;
  const { logits, value } = agent.run(board, cell, edits);
  moves.set(agent.moves(logits), row * MOVES.length);
  values[row] = value;
}

function piece(prefix: string, { moves, values }: Outputs, rows: readonly number[]): Answer["arrays"] {
  const chosen = rows.flatMap((row) => [...moves.subarray(row * MOVES.length, (row + 1) * MOVES.length)]);
  return {
    [`${prefix}moves`]: { shape: [rows.length, MOVES.length], data: Float32Array.from(chosen) },
    [`${prefix}values`]: { shape: [rows.length], data: Float32Array.from(rows, (row) => values[row]!) },
  };
}

/** Return the numbers of squares, the nearest to the mouse first. */
function nearest(cells: readonly Cell[], [row, col]: Cell): number[] {
  const away = cells.map((cell) => Math.hypot(cell[0] - row, cell[1] - col));
  return cells.map((_, n) => n).sort((a, b) => away[a]! - away[b]!);
}

function sameWalls(a: readonly string[], b: readonly string[]): boolean {
  const walls = (maze: readonly string[]) => maze.join("\n").replace(/[^#\n]/g, ".");
  return walls(a) === walls(b);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
