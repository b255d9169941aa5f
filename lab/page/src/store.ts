/** The state of the page: the session, and the server's answers about it. */

import { batch, computed, effect, signal, type Signal } from "@preact/signals";
import { begin as beginHistory, changed, isSession, redo, undo, withSlot, type Brush, type History } from "./document";
import { begin as beginField, take, type Field, type Mode } from "./field";
import type { Theme } from "./colour";
import {
  VERSION,
  type Agent,
  type Answer,
  type Board,
  type Cell,
  type Facts,
  type Moment,
  type Session,
  type Solved,
} from "./protocol";
import type { Link, Transport } from "./transport";

export type View = "study" | "compare" | "play" | "language";

export interface Layer {
  readonly site: string;
  readonly shape: readonly number[];
  readonly original: Float32Array;
  readonly edited: Float32Array;
}

export interface SlotAnswers {
  readonly field: Field | null;
  readonly layer: Layer | null;
  readonly solved: { readonly original: Solved; readonly edited: Solved | null } | null;
  readonly coefficients: Readonly<Record<string, number>>;
}

/** Milliseconds for which the next question waits until an answer is drawn completely. */
const PATIENCE = 100;

const NOTHING: SlotAnswers = { field: null, layer: null, solved: null, coefficients: {} };

/** A part of the board, in squares from its bottom left. */
export interface Seen {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly top: number;
}

export interface Shown {
  readonly moment: Moment;
  readonly probabilities: Float32Array | null;
  /** The penalty of each action from here. */
  readonly penalties: Float32Array | null;
  readonly picture: { readonly shape: readonly number[]; readonly data: Uint8Array } | null;
}

export class Store {
  readonly history: Signal<History<Session> | null> = signal(null);
  readonly session = computed(() => this.history.value?.now ?? null);
  readonly board = computed(() => this.session.value?.board ?? null);
  readonly names = signal<readonly string[]>([]);
  readonly agents = signal<Readonly<Record<string, Agent>>>({});
  readonly facts = signal<Facts | null>(null);
  /** The maze of the answers, which is an earlier one than the board's while somebody draws. */
  readonly studied = computed(() => this.facts.value?.board ?? this.board.value);
  readonly answers = signal<readonly SlotAnswers[]>([NOTHING, NOTHING]);
  readonly shown = signal<Shown | null>(null);
  readonly link = signal<{ link: Link; why: string }>({ link: "opening", why: "" });
  readonly fault = signal("");
  readonly said = signal("");
  readonly milliseconds = signal<number | null>(null);

  readonly view = signal<View>("study");
  readonly mode = signal<Mode>("edited");
  readonly brush = signal<Brush>("wall");
  readonly cursor = signal<Cell | null>(null);
  /** Part of the board that the layer's cell under the pointer sees. */
  readonly seen = signal<Seen | null>(null);
  readonly site = signal("");
  readonly channel = signal(0);
  readonly active = signal(0);
  readonly theme: Signal<Theme>;

  readonly agent = computed(() => this.agentOf(this.active.value));

  /** The maze in which the episode that is shown began. */
  playedOn: Board | null = null;
  private rev = 0;
  private asked = 0;
  /** The last revisions that were answered to the end, drawn, and drawn completely. */
  private done = 0;
  private begun = 0;
  private whole = 0;
  /** The next question, which is asked once an answer is drawn. */
  private next: { readonly session: Session; readonly site: string | null } | null = null;
  /** The maze of an answer whose first numbers have not arrived. */
  private awaited: Facts | null = null;
  private nextId = 1;
  private readonly waiting = new Map<number, { resolve: (a: Answer) => void; reject: (e: Error) => void }>();

  constructor(
    private readonly transport: Transport,
    private readonly kept: Storage | null,
  ) {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    this.theme = signal(dark.matches ? "dark" : "light");
    dark.addEventListener("change", () => (this.theme.value = dark.matches ? "dark" : "light"));
    transport.onAnswer = (answer) => this.answered(answer);
    transport.onLink = (link, why) => this.linked(link, why);
    effect(() => this.show());
    effect(() => {
      const agent = this.agent.value;
      const known = agent?.sites.some((site) => site.name === this.site.peek());
      if (agent?.maze && !known) this.site.value = firstSite(agent);
    });
    effect(() => {
      if (this.session.value) kept?.setItem(KEY, JSON.stringify(this.session.value));
    });
    transport.start();
  }

  get offline(): boolean {
    return this.transport.offline;
  }

  agentOf(slot: number): Agent | null {
    const name = this.session.value?.slots[slot]?.agent;
    return (name !== undefined && this.agents.value[name]) || null;
  }

  /** Change the session. Changes of one stroke are undone together. */
  change(make: (session: Session) => Session, stroke: string | null = null): void {
    const history = this.history.value;
    if (history) this.history.value = changed(history, make(history.now), stroke);
  }

  changeBoard(make: (board: Board) => Board, stroke: string | null = null): void {
    this.change((session) => {
      const board = make(session.board);
      return board === session.board ? session : { ...session, board };
    }, stroke);
  }

  /** Keep the board under a number, or take back the one that is kept there. */
  keepBoard(number: string): void {
    if (!this.board.value) return;
    const kept = { ...this.keptBoards(), [number]: this.board.value };
    this.kept?.setItem(BOARDS, JSON.stringify(kept));
    this.said.value = `Kept this maze as number ${number}.`;
  }

  openBoard(number: string): void {
    const board = this.keptBoards()[number];
    if (board) this.changeBoard(() => board);
    this.said.value = board ? `Maze ${number}.` : `No maze is kept as number ${number}.`;
  }

  private keptBoards(): Readonly<Record<string, Board>> {
    return JSON.parse(this.kept?.getItem(BOARDS) ?? "{}") as Record<string, Board>;
  }

  undo(): void {
    if (this.history.value) this.history.value = undo(this.history.value);
  }

  redo(): void {
    if (this.history.value) this.history.value = redo(this.history.value);
  }

  /** Ask for something that is answered once. */
  ask(message: object): Promise<Answer> {
    const id = this.nextId++;
    this.transport.send({ ...message, id });
    const answer = new Promise<Answer>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.markBusy();
    return answer;
  }

  /** Mark on the document whether an answer is still awaited, so that a test can wait for it. */
  private markBusy(): void {
    const busy = this.link.peek().link !== "open" || this.waiting.size > 0 || this.next !== null || this.done !== this.rev;
    document.documentElement.dataset["busy"] = String(busy);
  }

  /** Ask, and tell the person what went wrong. */
  async tell(message: object): Promise<Answer | null> {
    try {
      const answer = await this.ask(message);
      this.fault.value = "";
      return answer;
    } catch (error) {
      this.fault.value = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  async open(name: string): Promise<void> {
    if (this.agents.value[name]) return;
    const answer = await this.tell({ kind: "open", agent: name });
    if (answer) this.agents.value = { ...this.agents.value, [name]: answer.head as unknown as Agent };
  }

  /** Put an agent into a slot, and remove its edits, since another network has other layers. */
  async choose(slot: number, name: string): Promise<void> {
    await this.open(name);
    const agent = this.agents.value[name];
    if (!agent) return;
    if (slot === 0) this.shown.value = null;
    this.change((session) => {
      const there = session.slots[slot];
      const same = agent.sites.length > 0 && this.agentOf(slot)?.model === agent.model;
      const fresh = { agent: name, digest: agent.digest, edits: same ? (there?.edits ?? []) : [] };
      return there ? withSlot(session, slot, fresh) : { ...session, slots: [...session.slots, fresh] };
    });
  }

  async start(): Promise<void> {
    this.playedOn = this.board.value;
    await this.played({ kind: "start", seed: Math.floor(Math.random() * 2 ** 31) });
  }

  async step(action: number | "agent" | "likeliest" | "back"): Promise<void> {
    await this.played({ kind: "step", action });
  }

  private async played(message: object): Promise<void> {
    const answer = await this.tell({ ...message, session: this.session.value });
    if (!answer) return;
    const picture = answer.arrays["picture"];
    this.shown.value = {
      moment: answer.head as unknown as Moment,
      probabilities: (answer.arrays["probabilities"]?.data as Float32Array | undefined) ?? null,
      penalties: (answer.arrays["penalties"]?.data as Float32Array | undefined) ?? null,
      picture: picture ? { shape: picture.shape, data: picture.data as Uint8Array } : null,
    };
  }

  private show(): void {
    const session = this.session.value;
    const site = this.site.value;
    const ready = session?.slots.every((slot) => this.agents.value[slot.agent]);
    if (!session || !ready || this.link.value.link !== "open") return;
    if (!session.slots.every((slot) => this.agents.value[slot.agent]?.maze)) return;
    this.next = { session, site: site || null };
    this.askNext();
  }

  /**
   * Ask for the newest session, unless an answer is under way that will be drawn soon: somebody who
   * drags changes the maze sooner than any answer comes, and would else see none before the end.
   */
  private askNext(): void {
    const patient = this.begun !== this.rev || performance.now() - this.asked < PATIENCE;
    if (!this.next || (patient && this.whole !== this.rev && this.done !== this.rev)) return;
    this.rev += 1;
    this.asked = performance.now();
    this.transport.send({ kind: "show", rev: this.rev, ...this.next });
    this.next = null;
    setTimeout(() => this.askNext(), PATIENCE);
    this.markBusy();
  }

  /** Note that a field of a revision has been drawn, until all of them are drawn completely. */
  drawn(rev: number): void {
    if (rev !== this.rev || rev === this.whole) return;
    this.begun = rev;
    const ms = performance.now() - this.asked;
    const slots = this.session.peek()?.slots ?? [];
    const whole = slots.every((_, n) => isWhole(this.answers.peek()[n]?.field ?? null, rev));
    if (whole) {
      this.whole = rev;
      this.milliseconds.value = ms;
    }
    document.dispatchEvent(new CustomEvent("lab:drawn", { detail: { rev, whole, ms } }));
    this.askNext();
  }

  private linked(link: Link, why: string): void {
    if (link === "open") this.transport.send({ kind: "hello", token: this.transport.token, version: VERSION });
    else {
      for (const { reject } of this.waiting.values()) reject(new Error(why));
      this.waiting.clear();
      this.done = this.rev; // nothing more comes of it
      this.next = null;
      batch(() => {
        this.agents.value = {};
        this.link.value = { link, why };
      });
    }
    this.markBusy();
  }

  private answered(answer: Answer): void {
    this.handle(answer);
    const { kind, head } = answer;
    if ((kind === "done" || kind === "error") && head["rev"] === this.rev) {
      this.done = this.rev;
      this.askNext();
    }
    this.markBusy();
  }

  private handle(answer: Answer): void {
    const id = answer.head["id"] as number | undefined;
    const waiting = id === undefined ? undefined : this.waiting.get(id);
    if (id !== undefined && waiting) {
      this.waiting.delete(id);
      if (answer.kind === "error") waiting.reject(new Error(answer.head["text"] as string));
      else waiting.resolve(answer);
      return;
    }
    if (answer.kind === "welcome") void this.welcomed(answer);
    else if (answer.kind === "error") this.failed(answer);
    else if (answer.head["rev"] === this.rev) batch(() => this.showed(answer));
  }

  private failed({ head }: Answer): void {
    if (head["fault"] === "hello") this.transport.refuse(head["text"] as string);
    else if (head["rev"] === undefined || head["rev"] === this.rev) this.fault.value = head["text"] as string;
  }

  private async welcomed({ head }: Answer): Promise<void> {
    this.names.value = head["agents"] as string[];
    const session = this.session.value ?? restored(this.kept) ?? (head["session"] as Session);
    await Promise.all(session.slots.map((slot) => this.open(slot.agent)));
    const known = session.slots.every((slot) => this.agents.value[slot.agent]);
    const begun = known ? session : (head["session"] as Session);
    if (!known) await Promise.all(begun.slots.map((slot) => this.open(slot.agent)));
    batch(() => {
      this.link.value = { link: "open", why: "" };
      if (begun !== this.session.value) this.history.value = beginHistory(begun);
    });
    this.markBusy();
  }

  private showed(answer: Answer): void {
    const slot = (answer.head["slot"] as number | undefined) ?? 0;
    const old = this.answers.value[slot] ?? NOTHING;
    if (answer.kind === "board") this.awaited = answer.head as unknown as Facts;
    else if (answer.kind === "now") this.first(slot, answer);
    else if (answer.kind === "field") this.put(slot, { ...old, ...this.taken(old, answer) });
    else if (answer.kind === "solved") this.put(slot, { ...old, solved: answer.head as unknown as SlotAnswers["solved"] });
    else if (answer.kind === "done") this.fault.value = "";
  }

  /** Take the first numbers of a slot; the first of all slots also bring the maze of the answer. */
  private first(slot: number, answer: Answer): void {
    if (this.awaited) this.begin(this.awaited);
    this.awaited = null;
    const old = this.answers.value[slot] ?? NOTHING;
    this.put(slot, { ...old, ...this.taken(old, answer), ...layerOf(answer) });
  }

  private begin(facts: Facts): void {
    this.facts.value = facts;
    this.answers.value = this.answers.value.map((old) => ({
      ...old,
      field: beginField(facts.rev, facts.cells, old.field),
    }));
  }

  private taken(old: SlotAnswers, answer: Answer): Partial<SlotAnswers> {
    if (!old.field) return {};
    take(old.field, answer);
    const coefficients = (answer.head["coefficients"] ?? old.coefficients) as Record<string, number>;
    return { field: { ...old.field }, coefficients };
  }

  private put(slot: number, answers: SlotAnswers): void {
    this.answers.value = this.answers.value.map((old, n) => (n === slot ? answers : old));
  }
}

const isWhole = (field: Field | null, rev: number): boolean => field?.rev === rev && field.known.every((one) => one === 1);

export const KEY = "chisel-lab-session";
const BOARDS = "chisel-lab-boards";

function restored(kept: Storage | null): Session | null {
  const text = kept?.getItem(KEY);
  const found: unknown = text ? JSON.parse(text) : null;
  return isSession(found) ? found : null;
}

function layerOf({ head, arrays }: Answer): Partial<SlotAnswers> {
  const layer = arrays["layer"];
  if (!layer) return { layer: null };
  const original = layer.data as Float32Array;
  const edited = (arrays["edited_layer"]?.data ?? original) as Float32Array;
  return { layer: { site: head["site"] as string, shape: layer.shape, original, edited } };
}

const PUBLISHED = "embedder.block2.res1.resadd";

/** Return the layer that studies of mazes edit, or the last one that is a map. */
export function firstSite(agent: Agent | null): string {
  const maps = (agent?.sites ?? []).filter((site) => site.shape.length === 3);
  return (maps.find((site) => site.name.endsWith(PUBLISHED.slice(9))) ?? maps.at(-1))?.name ?? "";
}
