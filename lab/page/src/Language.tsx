/** Steer a language model by a pair of prompts, by layer and strength, beside random vectors. */

import { batch, signal, useSignal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { diverging } from "./colour";
import { useStore } from "./context";
import { signed } from "./numbers";
import type { Agent, Answer } from "./protocol";
import type { Store } from "./store";

type Told = NonNullable<Agent["language"]>;

interface Row {
  readonly layer: number;
  readonly shift: Float32Array;
  readonly loss: Float32Array;
  /** Smallest and largest shift of the random vectors, by strength. */
  readonly random: readonly (readonly [number, number])[];
}

interface Norms {
  readonly stream: Float32Array;
  readonly attention: Float32Array;
  readonly mlp: Float32Array;
  readonly vector: Float32Array;
}

interface Network {
  readonly name: string;
  /** What is asked of the network besides the prompt. */
  readonly asked: object;
}

const WHOLE: Network = { name: "As it is", asked: { vector: "none" } };
const STEERED: readonly Network[] = [
  { name: "Steered", asked: { vector: "pair" } },
  { name: "Random vector of equal norm", asked: { vector: "random" } },
];

/** The network without a region, and its control. */
function ablated(region: string): readonly Network[] {
  return [
    { name: `Without ${region}`, asked: { vector: "none", region } },
    { name: "Without as many random units", asked: { vector: "none", region, control: true } },
  ];
}

const CONTROLS = 4;
const STRENGTHS = "1, 3, 5, 10";

/** The inputs that somebody has typed, and the requests. */
class Bench {
  readonly plus: Signal<string>;
  readonly minus: Signal<string>;
  readonly prompt: Signal<string>;
  readonly layer: Signal<number>;
  readonly strength = signal(5);
  readonly tokens = signal(30);
  readonly seed = signal(0);
  /** Region without which the text is also written; empty is none. */
  readonly region: Signal<string>;
  /** Networks that write, or wrote, the texts. */
  readonly networks = signal<readonly Network[]>([]);
  readonly texts = signal<readonly string[]>([]);
  readonly rows = signal<readonly Row[]>([]);
  /** Strengths that the rows are about. */
  readonly tried = signal<readonly number[]>([]);
  readonly norms = signal<Norms | null>(null);
  readonly busy = signal<"" | "texts" | "table" | "norms">("");
  private stopped = false;

  constructor(
    private readonly store: Store,
    private readonly agent: string,
    told: Told,
  ) {
    [this.plus, this.minus, this.prompt] = [signal(told.plus), signal(told.minus), signal(told.prompt)];
    this.layer = signal(Math.floor(told.layers / 5));
    this.region = signal(told.regions[0] ?? "");
  }

  private asked(kind: string, more: object): Promise<Answer | null> {
    const pair = { plus: this.plus.value, minus: this.minus.value };
    return this.store.tell({ kind, agent: this.agent, pair, ...more });
  }

  private async during(what: "texts" | "table" | "norms", work: () => Promise<void>): Promise<void> {
    if (this.busy.value) return;
    this.busy.value = what;
    this.stopped = false;
    await work();
    this.busy.value = "";
  }

  goOn(): Promise<void> {
    return this.during("texts", async () => {
      const region = this.region.value;
      batch(() => {
        this.networks.value = [WHOLE, ...(region ? ablated(region) : []), ...STEERED];
        this.texts.value = [];
      });
      const more = { prompt: this.prompt.value, layer: this.layer.value, strength: this.strength.value, tokens: this.tokens.value };
      for (const { asked } of this.networks.value) {
        const answer = await this.asked("continue", { ...more, ...asked, seed: this.seed.value });
        if (!answer) return;
        this.texts.value = [...this.texts.value, answer.head["text"] as string];
      }
    });
  }

  measure(layers: readonly number[], strengths: readonly number[], words: object): Promise<void> {
    return this.during("table", async () => {
      batch(() => {
        this.rows.value = [];
        this.tried.value = strengths;
      });
      for (const layer of layers) {
        if (this.stopped) return;
        const answer = await this.asked("try", { layer, strengths, ...words, controls: CONTROLS, seed: this.seed.value });
        if (!answer) return;
        this.rows.value = [...this.rows.value, rowOf(layer, answer)];
      }
    });
  }

  stop(): void {
    this.stopped = true;
  }

  weigh(): Promise<void> {
    return this.during("norms", async () => {
      const answer = await this.asked("norms", { prompt: this.prompt.value });
      if (!answer) return;
      const [stream, attention, mlp, vector] = ["stream", "attention", "mlp", "vector"].map(
        (name) => answer.arrays[name]?.data as Float32Array,
      );
      this.norms.value = { stream: stream!, attention: attention!, mlp: mlp!, vector: vector! };
    });
  }
}

export function rowOf(layer: number, { arrays }: Answer): Row {
  const [shift, loss] = [arrays["shift"]!.data as Float32Array, arrays["loss"]!.data as Float32Array];
  const { shape, data } = arrays["random"]!;
  const each = shape[1]!;
  const random = Array.from(shift, (_, n) => {
    const drawn = data.subarray(n * each, (n + 1) * each);
    return [Math.min(...drawn), Math.max(...drawn)] as const;
  });
  return { layer, shift, loss, random };
}

export function Language() {
  const store = useStore();
  const agent = store.agent.value;
  const told = agent?.language;
  if (!agent || !told) return null;
  return <Page key={agent.name} agent={agent.name} told={told} />;
}

function Page({ agent, told }: { agent: string; told: Told }) {
  const store = useStore();
  const bench = useMemo(() => new Bench(store, agent, told), []);
  useEffect(() => {
    void bench.weigh();
  }, []);
  return (
    <div class="language">
      <Texts bench={bench} told={told} />
      <Stream bench={bench} />
      <Table bench={bench} told={told} />
    </div>
  );
}

function Line({ name, value }: { name: string; value: Signal<string> }) {
  return (
    <label class="line">
      {name}
      <input type="text" value={value.value} onInput={(e) => (value.value = e.currentTarget.value)} />
    </label>
  );
}

function Amount({ name, value, low, high, step = 1 }: { name: string; value: Signal<number>; low: number; high: number; step?: number }) {
  const take = (input: HTMLInputElement) => {
    if (Number.isFinite(input.valueAsNumber)) value.value = input.valueAsNumber;
  };
  return (
    <label>
      {name}
      <input type="number" min={low} max={high} step={step} value={value.value} onInput={(e) => take(e.currentTarget)} />
    </label>
  );
}

function Region({ value, regions }: { value: Signal<string>; regions: readonly string[] }) {
  return (
    <label>
      Ablate region
      <select value={value.value} onChange={(e) => (value.value = e.currentTarget.value)}>
        <option value="">none</option>
        {regions.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

function Texts({ bench, told }: { bench: Bench; told: Told }) {
  const busy = bench.busy.value === "texts";
  return (
    <section class="panel" aria-labelledby="steer-title">
      <h2 id="steer-title">Steer</h2>
      <form
        class="column"
        onSubmit={(event) => {
          event.preventDefault();
          void bench.goOn();
        }}
      >
        <div class="row lines">
          <Line name="Plus" value={bench.plus} />
          <Line name="Minus" value={bench.minus} />
        </div>
        <Line name="Prompt" value={bench.prompt} />
        <div class="row">
          <Amount name="Layer" value={bench.layer} low={0} high={told.layers - 1} />
          <Amount name="Strength" value={bench.strength} low={-100} high={100} step={0.5} />
          <Amount name="Tokens" value={bench.tokens} low={1} high={200} />
          <Amount name="Seed" value={bench.seed} low={0} high={2147483647} />
          {told.regions.length > 0 && <Region value={bench.region} regions={told.regions} />}
          <button type="submit" disabled={bench.busy.value !== ""}>
            {busy ? "Writing…" : "Go on"}
          </button>
        </div>
      </form>
      <p class="quiet">
        The stream of the first prompt minus that of the second, token by token, is added before the layer to the first tokens but
        position 0. The likeliest token is taken each time.
      </p>
      <div class="texts" aria-live="polite" aria-busy={busy}>
        {bench.networks.value.slice(0, busy ? undefined : bench.texts.value.length).map(({ name }, n) => (
          <div key={name}>
            <h3>{name}</h3>
            <p class="text">
              <span class="quiet">{bench.texts.value[n] === undefined ? "" : bench.prompt.value}</span>
              {bench.texts.value[n] ?? ""}
            </p>
          </div>
        ))}
      </div>
    </section>
  );
}

const listed = (text: string, between: RegExp): string[] =>
  text
    .split(between)
    .map((one) => one.trim())
    .filter(Boolean);

function Table({ bench, told }: { bench: Bench; told: Told }) {
  const wanted = useSignal(told.wanted.join(", "));
  const unwanted = useSignal(told.unwanted.join(", "));
  const prompts = useSignal(told.prompts.join("\n"));
  const strengths = useSignal(STRENGTHS);
  const every = useSignal(Math.max(1, Math.ceil(told.layers / 6)));
  const measuring = bench.busy.value === "table";
  const measure = () => {
    const layers = Array.from({ length: told.layers }, (_, n) => n).filter((n) => n % every.value === 0);
    const words = { prompts: listed(prompts.value, /\n/), wanted: listed(wanted.value, /,/), unwanted: listed(unwanted.value, /,/) };
    void bench.measure(layers, listed(strengths.value, /,/).map(Number).filter(Number.isFinite), words);
  };
  return (
    <section class="panel wide" aria-labelledby="table-title">
      <h2 id="table-title">
        Layer × strength <span class="quiet">how much likelier the wanted words become as the next one</span>
      </h2>
      <div class="asked">
        <Line name="Wanted words" value={wanted} />
        <Line name="Unwanted words" value={unwanted} />
        <label class="line">
          Prompts, one a line
          <textarea rows={3} value={prompts.value} spellcheck={false} onInput={(e) => (prompts.value = e.currentTarget.value)} />
        </label>
        <Line name="Strengths" value={strengths} />
      </div>
      <div class="row">
        <label>
          Layers
          <select value={every.value} onChange={(e) => (every.value = Number(e.currentTarget.value))}>
            {[...new Set([1, 2, 3, Math.max(1, Math.ceil(told.layers / 6))])].map((one) => (
              <option key={one} value={one}>
                {one === 1 ? "all" : `each ${one}th`.replace("2th", "2nd").replace("3th", "3rd")}
              </option>
            ))}
          </select>
        </label>
        <button disabled={bench.busy.value !== ""} onClick={measure}>
          Measure
        </button>
        {measuring && <button onClick={() => bench.stop()}>Stop</button>}
        <span class="quiet" role="status">
          {measuring ? `${bench.rows.value.length} layers measured…` : ""}
        </span>
      </div>
      <Shifts bench={bench} />
    </section>
  );
}

function Shifts({ bench }: { bench: Bench }) {
  const store = useStore();
  const rows = bench.rows.value;
  if (!rows.length) return null;
  const most = Math.max(...rows.flatMap((row) => [...row.shift].map(Math.abs)), 1e-9);
  return (
    <div class="scrolled tall" tabIndex={0} role="region" aria-label="Shifts by layer and strength">
      <table class="numbers shifts">
        <caption>
          Shift of the log-odds, in nats; in brackets those of {CONTROLS} random vectors; below, the rise of the loss on unrelated text.
          Bold: beyond all random ones. A click steers there. For a claim: <code>chisel study lm-steering method=act-add</code>.
        </caption>
        <thead>
          <tr>
            <th scope="col">layer</th>
            {bench.tried.value.map((one) => (
              <th key={one} scope="col">{`× ${one}`}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.layer}>
              <th scope="row">{row.layer}</th>
              {bench.tried.value.map((strength, n) => {
                const [low, high] = row.random[n]!;
                const shift = row.shift[n]!;
                const steer = () => {
                  batch(() => {
                    bench.layer.value = row.layer;
                    bench.strength.value = strength;
                  });
                  void bench.goOn();
                };
                return (
                  <td key={strength}>
                    <button
                      class={shift < low || shift > high ? "shift strong" : "shift"}
                      style={{ boxShadow: `inset 0 -3px ${diverging(shift / most, store.theme.value)}` }}
                      onClick={steer}
                    >
                      <span>{signed(shift, 2)}</span>
                      <span class="quiet">{`[${signed(low, 2)}, ${signed(high, 2)}]`}</span>
                      <span class="quiet">{`loss ${signed(row.loss[n]!, 2)}`}</span>
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const LINES = [
  ["stream", "the stream before each block", ""],
  ["attention", "what attention adds", "6 3"],
  ["mlp", "what the MLP adds", "2 3"],
  ["vector", "the pair’s vector", "10 3 2 3"],
] as const;
const [WIDTH, HEIGHT, MARGIN] = [460, 240, 40];

function Stream({ bench }: { bench: Bench }) {
  const norms = bench.norms.value;
  return (
    <section class="panel" aria-labelledby="norms-title">
      <h2 id="norms-title">
        Norms by layer <span class="quiet">mean over the prompt’s tokens, without position 0</span>
      </h2>
      {norms ? <Chart norms={norms} /> : <p class="quiet">{bench.busy.value === "norms" ? "Measuring…" : "None yet."}</p>}
      <div class="row">
        <button disabled={bench.busy.value !== ""} onClick={() => void bench.weigh()}>
          Measure for this prompt and pair
        </button>
      </div>
    </section>
  );
}

function Chart({ norms }: { norms: Norms }) {
  const all = LINES.flatMap(([name]) => [...norms[name]]).filter((one) => one > 0);
  const [low, high] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
  const layers = norms.stream.length - 1;
  const x = (layer: number) => MARGIN + (layer / Math.max(1, layers)) * (WIDTH - MARGIN - 10);
  const y = (norm: number) => HEIGHT - 24 - ((Math.log10(norm) - low) / Math.max(1, high - low)) * (HEIGHT - 34);
  const decades = Array.from({ length: high - low + 1 }, (_, n) => low + n);
  return (
    <>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} class="chart" role="img" aria-label="Norms by layer; the table below has the numbers">
        {decades.map((one) => (
          <g key={one}>
            <line x1={MARGIN} x2={WIDTH - 10} y1={y(10 ** one)} y2={y(10 ** one)} class="grid" />
            <text x={MARGIN - 6} y={y(10 ** one) + 4} text-anchor="end">
              {one > -4 && one < 5 ? Number((10 ** one).toPrecision(1)) : `10^${one}`}
            </text>
          </g>
        ))}
        {LINES.map(([name, , dashes]) => (
          <polyline
            key={name}
            class={name}
            stroke-dasharray={dashes}
            points={[...norms[name]].map((one, n) => (one > 0 ? `${x(n).toFixed(1)},${y(one).toFixed(1)}` : "")).join(" ")}
          />
        ))}
        <text x={WIDTH - 10} y={HEIGHT - 6} text-anchor="end">{`layer ${layers}`}</text>
        <text x={MARGIN} y={HEIGHT - 6}>
          layer 0
        </text>
      </svg>
      <ul class="legend">
        {LINES.map(([name, what, dashes]) => (
          <li key={name}>
            <svg viewBox="0 0 28 8" aria-hidden="true">
              <polyline class={name} stroke-dasharray={dashes} points="0,4 28,4" />
            </svg>
            {what}
          </li>
        ))}
      </ul>
      <details>
        <summary>Numbers</summary>
        <div class="scrolled" tabIndex={0} role="region" aria-label="Norms as numbers">
          <table class="numbers">
            <thead>
              <tr>
                {["layer", "stream", "attention", "MLP", "vector"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {Array.from(norms.stream, (_, n) => (
                <tr key={n}>
                  <td>{n}</td>
                  {LINES.map(([name]) => (
                    <td key={name}>{norms[name][n]?.toPrecision(3) ?? ""}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}
