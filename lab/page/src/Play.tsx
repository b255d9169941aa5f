/** Play an episode as a person, by the agent, or in turns; steps can be taken back. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useStore } from "./context";
import { drawBoard, drawPicture } from "./draw";
import { Edits } from "./Edits";
import { actionOf } from "./keys";
import { fixed } from "./numbers";
import type { Board } from "./protocol";
import type { Shown } from "./store";

export function Play() {
  const store = useStore();
  const running = useSignal(false);
  const speed = useSignal(6);
  const likeliest = useSignal(false);
  const over = store.shown.value?.moment.end != null;
  const how = likeliest.value ? ("likeliest" as const) : ("agent" as const);
  const busy = useRef(false);

  const step = async (action: Parameters<typeof store.step>[0]) => {
    if (busy.current) return;
    busy.current = true;
    await store.step(action);
    busy.current = false;
  };
  const none = store.shown.value === null;
  const open = store.link.value.link === "open";
  useEffect(() => {
    store.active.value = 0;
  }, []);
  useEffect(() => {
    // A start that was asked for while the link broke is never answered, so ask again.
    if (open && (none || store.playedOn !== store.board.value)) void store.start();
  }, [none, open]);
  useEffect(() => {
    if (!running.value) return undefined;
    if (over) running.value = false;
    const timer = setInterval(() => void step(how), 1000 / speed.value);
    return () => clearInterval(timer);
  }, [running.value, speed.value, how, over]);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const action = actionOf(event, "play");
      if (!action || (event.target instanceof HTMLButtonElement && event.key === " ")) return;
      event.preventDefault();
      if (action === "run") running.value = !running.value;
      else if (action === "agent") void step(how);
      else if (action === "back") void step("back");
      else {
        const number = numberOf(store.shown.value, action);
        if (number >= 0) void step(number);
      }
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, [how]);

  return (
    <div class="play">
      <section class="panel" aria-labelledby="play-title">
        <h2 id="play-title">Episode</h2>
        <Scene />
        <div class="row tight">
          <button onClick={() => void step(how)} disabled={over} title="Space">
            Step
          </button>
          <button aria-pressed={running.value} onClick={() => (running.value = !running.value)} disabled={over} title="P">
            {running.value ? "Stop" : "Run"}
          </button>
          <button onClick={() => void step("back")} disabled={!store.shown.value?.moment.step} title="Backspace">
            Back
          </button>
          <button
            onClick={() => {
              running.value = false;
              void store.start();
            }}
          >
            New episode
          </button>
        </div>
        <div class="row tight">
          <label>
            Steps a second
            <input type="range" min={1} max={30} value={speed.value} onInput={(e) => (speed.value = e.currentTarget.valueAsNumber)} />
          </label>
          <label class="check">
            <input type="checkbox" checked={likeliest.value} onChange={(e) => (likeliest.value = e.currentTarget.checked)} />
            <span>take the likeliest action</span>
          </label>
        </div>
      </section>
      <Decision onAct={(action) => void step(action)} />
      <Edits alone />
    </div>
  );
}

function numberOf(shown: Shown | null, action: string): number {
  return shown?.moment.actions.findIndex((name) => name.toLowerCase().replace("move ", "") === action) ?? -1;
}

function Scene() {
  const store = useStore();
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const shown = store.shown.value;
    const theme = store.theme.value;
    if (!canvas.current || !shown) return;
    const { board: maze, facing, trail } = shown.moment;
    if (maze) {
      const board: Board = { maze, facing: facing ?? "left", background: 0, level: -1 };
      drawBoard(canvas.current, board, theme, trail);
    } else if (shown.picture) {
      const [height, width] = [shown.picture.shape[0]!, shown.picture.shape[1]!];
      drawPicture(canvas.current, shown.picture.data, height, width);
    }
  });
  const moment = store.shown.value?.moment;
  const words = moment ? `step ${moment.step}, reward so far ${fixed(moment.total, 2)}` : "no episode yet";
  return (
    <>
      <canvas ref={canvas} class={moment?.board === null ? "picture" : "square"} role="img" aria-label={`The game at ${words}`} />
      <p class="quiet" aria-live="polite">
        {words}
        {moment && moment.reward !== 0 && `, last reward ${fixed(moment.reward, 2)}`}
      </p>
      {moment?.penalty != null && (
        <p class="quiet penalty">
          {`penalty of this step ${moment.penalty.toFixed(3)}, so far ${moment.penalty_total!.toFixed(3)}`}
          {moment.step === 0 && `; training took λ = ${moment.penalty_weight!.toPrecision(3)} times as much off the reward`}
        </p>
      )}
    </>
  );
}

function Decision({ onAct }: { onAct: (action: number) => void }) {
  const store = useStore();
  const shown = store.shown.value;
  if (!shown) return <section class="panel" />;
  const { moment, probabilities, penalties } = shown;
  return (
    <section class="panel" aria-labelledby="decision-title">
      <h2 id="decision-title">{moment.end ? "The episode is over" : "What the agent would do"}</h2>
      {moment.end ? (
        <table class="numbers">
          <caption>Facts about the episode</caption>
          <tbody>
            {Object.entries(moment.end).map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{FACTS[name] ?? name.replaceAll("_", " ")}</th>
                <td>{typeof value === "number" && !Number.isInteger(value) ? fixed(value, 3) : String(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <>
          {penalties && (
            <p class="bars-head quiet" aria-hidden="true">
              <span>probability</span>
              <span>penalty</span>
            </p>
          )}
          <ul class={penalties ? "bars charged" : "bars"}>
            {moment.actions.map((name, n) => (
              <li key={name}>
                <button class="bar-name" onClick={() => onAct(n)} title="you take this action">
                  {name === "NOOP" ? "stay" : name.toLowerCase()}
                </button>
                <span class="bar" aria-hidden="true">
                  <i style={{ width: `${100 * (probabilities?.[n] ?? 0)}%` }} />
                </span>
                <span class="bar-number">{(probabilities?.[n] ?? 0).toFixed(3)}</span>
                {penalties && (
                  <span class="bar-number quiet" title="what training charged for this action's impact">
                    <span class="said">penalty </span>
                    {penalties[n]!.toFixed(3)}
                  </span>
                )}
              </li>
            ))}
          </ul>
          <p class="quiet">
            Value {moment.value === null ? "–" : fixed(moment.value, 2)}. Your own move: arrow keys, or a name above.
            {moment.board !== null &&
              " Edits count from the next decision on, so going back and switching one on makes a branch."}
          </p>
        </>
      )}
    </section>
  );
}

const FACTS: Readonly<Record<string, string>> = { r: "return", l: "steps" };
