/** Two agents, or one with two lists of edits, in the same maze. */

import { useStore } from "./context";
import { mostChanged, MOVES, type Field, type Mode, type Outputs } from "./field";
import { FieldCanvas, SolvedTable } from "./FieldView";
import { BoardView } from "./BoardView";
import { Edits } from "./Edits";
import { signed } from "./numbers";
import type { Edit } from "./protocol";
import type { Store } from "./store";

const LISTED = 20;
const edited = (): Mode => "edited";
const difference = (): Mode => "difference";

const outputs = (store: Store, slot: number): Outputs | null => store.answers.value[slot]?.field?.edited ?? null;

/** Return edits whose vectors and regions are random ones of equal size. */
export function controls(edits: readonly Edit[]): Edit[] {
  return edits.map((edit) => ("control" in edit ? { ...edit, control: true } : edit));
}

export function Compare() {
  const store = useStore();
  const slots = store.session.value?.slots ?? [];
  if (slots.length < 2) return <Begin />;
  const [a, b] = [store.answers.value[0], store.answers.value[1]];
  return (
    <div class="compare">
      {[0, 1].map((n) => (
        <section class="panel" key={n} aria-labelledby={`field-${n}`}>
          <h2 id={`field-${n}`}>
            {"AB"[n]} <span class="quiet">{slots[n]?.agent}</span>
          </h2>
          <FieldCanvas slot={n} mode={edited} name={`Field of agent ${"AB"[n] ?? ""}, edited`} />
          <SolvedTable solved={store.answers.value[n]?.solved ?? null} />
        </section>
      ))}
      <section class="panel" aria-labelledby="difference">
        <h2 id="difference">
          B minus A <span class="quiet">shade: share of the moves that differ</span>
        </h2>
        <FieldCanvas slot={1} mode={difference} name="Difference of the fields" against={() => outputs(store, 0)} />
        <Changed a={a?.field ?? null} b={b?.field ?? null} />
      </section>
      <Edits />
      <BoardView />
    </div>
  );
}

function Begin() {
  const store = useStore();
  const first = store.session.value?.slots[0];
  if (!first) return null;
  const add = (edits: readonly Edit[]) =>
    store.change((session) => ({ ...session, slots: [first, { ...first, edits }] }));
  return (
    <section class="panel begin" aria-labelledby="compare-title">
      <h2 id="compare-title">Compare</h2>
      <p>Choose a second agent at the top, or compare this one with itself:</p>
      <div class="row">
        <button onClick={() => add([])}>without its edits</button>
        <button disabled={!first.edits.some((edit) => "control" in edit)} onClick={() => add(controls(first.edits))}>
          with random vectors and regions of equal size
        </button>
        <button onClick={() => add(first.edits)}>with a copy of its edits</button>
      </div>
    </section>
  );
}

function Changed(fields: { a: Field | null; b: Field | null }) {
  const store = useStore();
  const cells = fields.a?.cells ?? [];
  const [a, b] = [fields.a?.edited, fields.b?.edited];
  if (!a || !b || a.values.length !== b.values.length) return null;
  const likeliest = (from: Outputs, row: number): string => {
    const moves = Array.from(from.moves.subarray(row * 5, row * 5 + 5));
    return MOVES[moves.indexOf(Math.max(...moves))] ?? "";
  };
  return (
    <div class="scrolled" tabIndex={0} role="region" aria-label="Squares that differ most">
      <table class="numbers">
        <caption>Squares that differ most</caption>
        <thead>
          <tr>
            <th scope="col">row</th>
            <th scope="col">column</th>
            <th scope="col">moves that differ</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
            <th scope="col">value B − A</th>
          </tr>
        </thead>
        <tbody>
          {mostChanged(a, b, LISTED).map(({ row, change }) => (
            <tr key={row} onPointerEnter={() => (store.cursor.value = cells[row] ?? null)}>
              <td>{cells[row]?.[0]}</td>
              <td>{cells[row]?.[1]}</td>
              <td>{change.toFixed(3)}</td>
              <td>{likeliest(a, row)}</td>
              <td>{likeliest(b, row)}</td>
              <td>{signed(b.values[row]! - a.values[row]!, 2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
