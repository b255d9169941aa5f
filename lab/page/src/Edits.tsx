/** The edits of a network, in the order in which they are made. */

import { useStore } from "./context";
import { find, moved, withEdits } from "./document";
import type { Agent, Edit, Recipe } from "./protocol";

const short = (site: string): string => site.replace("embedder.", "");

export function titleOf(edit: Edit): string {
  switch (edit.kind) {
    case "add":
      return `add ${recipeName(edit.vector)}`;
    case "project":
      return `project out ${recipeName(edit.vector)}`;
    case "clamp":
      return `clamp channel ${edit.channels.join(", ")}`;
    case "scale":
      return edit.channels === null ? "scale all channels" : `scale channel ${edit.channels.join(", ")}`;
    case "ablate":
      return `ablate ${edit.region}`;
  }
}

function recipeName(recipe: Recipe): string {
  if (recipe.make === "file") return recipe.file ?? "";
  const from = recipe.maze?.length ? "one maze" : `${recipe.levels ?? 0} mazes`;
  return `${recipe.make} vector (${from})`;
}

/** The edits of the shown agent or, if only the first one acts (`alone`), of that one. */
export function Edits({ alone = false }: { alone?: boolean }) {
  const store = useStore();
  const session = store.session.value;
  const slot = store.active.value;
  const agent = store.agent.value;
  const edits = session?.slots[slot]?.edits ?? [];
  if (!session || !agent?.maze) return null;
  const set = (make: (edits: readonly Edit[]) => readonly Edit[], stroke: string | null = null) =>
    store.change((one) => withEdits(one, slot, make(one.slots[slot]?.edits ?? [])), stroke);
  return (
    <section class="panel edits" aria-labelledby="edits-title">
      <h2 id="edits-title">
        Edits <span class="quiet">in this order</span>
      </h2>
      {session.slots.length > 1 && !alone && (
        <div class="tools" role="group" aria-label="Agent that is edited">
          {session.slots.map((_, n) => (
            <button key={n} class="choice" aria-pressed={slot === n} onClick={() => (store.active.value = n)}>
              {`Agent ${"AB"[n] ?? ""}`}
            </button>
          ))}
        </div>
      )}
      {edits.length === 0 && <p class="quiet">None. Add one below, or click a cell of a channel to clamp it.</p>}
      <ol class="edit-list">
        {edits.map((edit, n) => (
          <li key={n} class={`edit ${edit.on ? "" : "off"}`}>
            <EditCard
              edit={edit}
              number={n}
              last={n === edits.length - 1}
              onChange={(next, stroke) => set((all) => all.map((one, k) => (k === n ? next : one)), stroke)}
              onMove={(by) => set((all) => moved(all, n, by))}
              onRemove={() => set((all) => all.filter((_, k) => k !== n))}
            />
          </li>
        ))}
      </ol>
      <Adders agent={agent} onAdd={(edit) => set((all) => [...all, edit])} />
    </section>
  );
}

interface CardProps {
  readonly edit: Edit;
  readonly number: number;
  readonly last: boolean;
  readonly onChange: (edit: Edit, stroke: string | null) => void;
  readonly onMove: (by: number) => void;
  readonly onRemove: () => void;
}

function EditCard({ edit, number, last, onChange, onMove, onRemove }: CardProps) {
  const title = titleOf(edit);
  return (
    <>
      <div class="edit-head">
        <label class="check">
          <input type="checkbox" checked={edit.on} onChange={(e) => onChange({ ...edit, on: e.currentTarget.checked }, null)} />
          <span>{title}</span>
        </label>
        <span class="icons">
          <button class="icon" aria-label={`Move up: ${title}`} title="earlier" disabled={number === 0} onClick={() => onMove(-1)}>
            ↑
          </button>
          <button class="icon" aria-label={`Move down: ${title}`} title="later" disabled={last} onClick={() => onMove(1)}>
            ↓
          </button>
          <button class="icon" aria-label={`Remove: ${title}`} title="remove" onClick={onRemove}>
            ×
          </button>
        </span>
      </div>
      {edit.kind !== "ablate" && <code class="site">{short(edit.site)}</code>}
      <Amount edit={edit} number={number} onChange={onChange} />
      {(edit.kind === "add" || edit.kind === "project" || edit.kind === "ablate") && (
        <div class="row tight">
          <label class="check">
            <input
              type="checkbox"
              checked={edit.control ?? false}
              onChange={(e) => onChange({ ...edit, control: e.currentTarget.checked }, null)}
            />
            <span>{edit.kind === "ablate" ? "random region of equal size" : "random vector of equal norm"}</span>
          </label>
          {edit.control && (
            <label>
              Seed
              <input
                type="number"
                min={0}
                value={edit.seed ?? 0}
                onInput={(e) => onChange({ ...edit, seed: e.currentTarget.valueAsNumber || 0 }, `seed ${number}`)}
              />
            </label>
          )}
        </div>
      )}
    </>
  );
}

function Amount({ edit, number, onChange }: Pick<CardProps, "edit" | "number" | "onChange">) {
  const store = useStore();
  const stroke = `amount ${number}`;
  if (edit.kind === "add") {
    const coefficient = store.answers.value[store.active.value]?.coefficients[String(number)];
    return (
      <div class="row tight">
        <Slider
          name="Strength"
          value={edit.strength}
          low={-3}
          high={3}
          step={0.1}
          onInput={(strength) => onChange({ ...edit, strength }, stroke)}
        />
        <label>
          Unit
          <select
            value={edit.unit}
            onChange={(e) => onChange({ ...edit, unit: e.currentTarget.value as "vector" | "norm" }, null)}
          >
            <option value="vector">the vector</option>
            <option value="norm">norm of the layer</option>
          </select>
        </label>
        {edit.unit === "norm" && coefficient !== undefined && (
          <span class="quiet">{`= ${coefficient.toPrecision(3)} × the vector`}</span>
        )}
      </div>
    );
  }
  if (edit.kind === "scale")
    return (
      <Slider name="Factor" value={edit.factor} low={-2} high={3} step={0.1} onInput={(factor) => onChange({ ...edit, factor }, stroke)} />
    );
  if (edit.kind === "clamp")
    return (
      <div class="row tight">
        <Slider name="Value" value={edit.value} low={-10} high={10} step={0.5} onInput={(value) => onChange({ ...edit, value }, stroke)} />
        <span class="quiet">
          {edit.cells === null ? "everywhere" : edit.cells.map(([row, col]) => `(${row}, ${col})`).join(" ")}
        </span>
      </div>
    );
  if (edit.kind === "ablate")
    return (
      <label class="row tight">
        Set its units to
        <select value={edit.mode} onChange={(e) => onChange({ ...edit, mode: e.currentTarget.value as "zero" | "mean" }, null)}>
          <option value="zero">zero</option>
          <option value="mean">their mean</option>
        </select>
      </label>
    );
  return null;
}

interface SliderProps {
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly onInput: (value: number) => void;
}

function Slider({ name, value, low, high, step, onInput }: SliderProps) {
  const take = (input: HTMLInputElement) => {
    if (Number.isFinite(input.valueAsNumber)) onInput(input.valueAsNumber);
  };
  return (
    <span class="slider">
      <label>
        {name}
        <input type="range" min={low} max={high} step={step} value={value} onInput={(e) => take(e.currentTarget)} />
      </label>
      <input type="number" step={step} value={value} aria-label={name} onInput={(e) => take(e.currentTarget)} />
    </span>
  );
}

function Adders({ agent, onAdd }: { agent: Agent; onAdd: (edit: Edit) => void }) {
  const store = useStore();
  const site = store.site.value;
  const board = store.board.value;
  const cheese = board !== null && find(board, "C").length > 0;
  const here = (make: "cheese" | "top-right"): Recipe => ({ make, maze: board?.maze ?? [] });
  const add = (vector: Recipe, strength: number) =>
    onAdd({ kind: "add", on: true, site, vector, strength, unit: "vector", control: false, seed: 0 });
  const pixels = agent.maze?.view === "pixels";
  return (
    <div class="adders">
      <h3>
        Add at <code class="site">{short(site)}</code>
      </h3>
      <div class="row tight">
        <button
          disabled={!cheese}
          title="Activations in this maze with its cheese, minus those without it"
          onClick={() => add(here("cheese"), -1)}
        >
          Cheese vector of this maze
        </button>
        <button
          title="The same, averaged over 16 validation mazes"
          onClick={() => add({ make: "cheese", levels: 16, seed: 0 }, -1)}
        >
          Cheese vector of 16 mazes
        </button>
        {pixels && (
          <button
            title="Activations with a way opened to the corner of the world, minus those without it"
            onClick={() => add({ make: "top-right", levels: 16, seed: 0 }, 1)}
          >
            Top-right vector
          </button>
        )}
        {agent.vectors.map((file) => (
          <button key={file} onClick={() => add({ make: "file", file }, 1)}>
            {file}
          </button>
        ))}
        <button
          disabled={!cheese}
          title="Remove what lies along the cheese vector of this maze"
          onClick={() => onAdd({ kind: "project", on: true, site, vector: here("cheese"), control: false, seed: 0 })}
        >
          Project out cheese
        </button>
        <button onClick={() => onAdd({ kind: "scale", on: true, site, channels: [store.channel.value], factor: 0 })}>
          {`Scale channel ${store.channel.value}`}
        </button>
        {agent.regions.map(({ name, units }) => (
          <button
            key={name}
            title={`A routed region of ${units} units`}
            onClick={() => onAdd({ kind: "ablate", on: true, region: name, mode: "zero", control: false, seed: 0 })}
          >
            {`Ablate ${name}`}
          </button>
        ))}
      </div>
    </div>
  );
}
