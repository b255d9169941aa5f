/** The page: agents and files at the top, three views below. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { BoardView } from "./BoardView";
import { Compare } from "./Compare";
import { useStore } from "./context";
import { Edits } from "./Edits";
import type { Mode } from "./field";
import { FieldView } from "./FieldView";
import { actionOf, KEYS } from "./keys";
import { Language } from "./Language";
import { Layers } from "./Layers";
import { Play } from "./Play";
import { isSession } from "./document";
import type { Agent } from "./protocol";
import { download, packed } from "./saving";
import type { View } from "./store";

const VIEWS: readonly [View, string][] = [
  ["study", "Study"],
  ["compare", "Compare"],
  ["play", "Play"],
  ["language", "Language"],
];

/** Return the views of an agent or a language model, which depend on its world. */
function viewsOf(agent: Agent | null, offline: boolean): readonly View[] {
  if (agent?.language) return ["language"];
  if (agent && !agent.maze) return ["play"];
  return offline ? ["study", "compare"] : ["study", "compare", "play"];
}
/** Names of keys that are not shown by their letter. */
const SHOWN: Readonly<Record<string, string>> = {
  " ": "Space",
  Backspace: "Backspace",
  ArrowLeft: "←",
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowRight: "→",
};
const NEXT: Record<Mode, Mode> = { edited: "original", original: "difference", difference: "edited" };

export function App() {
  const store = useStore();
  const help = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const acts: Record<string, () => void> = {
      undo: () => store.undo(),
      redo: () => store.redo(),
      mode: () => (store.mode.value = NEXT[store.mode.value]),
      "channel-1": () => (store.channel.value = Math.max(0, store.channel.value - 1)),
      "channel+1": () => (store.channel.value += 1),
      help: () => help.current?.showModal(),
    };
    const key = (event: KeyboardEvent) => {
      const act = acts[actionOf(event, "everywhere") ?? ""];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
  const views = viewsOf(store.agentOf(0), store.offline);
  const view = views.includes(store.view.value) ? store.view.value : views[0];
  return (
    <div class="lab" data-theme={store.theme.value}>
      <Header onHelp={() => help.current?.showModal()} />
      <Banner />
      <nav class="views" aria-label="Views">
        {VIEWS.filter(([name]) => views.includes(name)).map(([name, title]) => (
          <button
            key={name}
            aria-current={view === name ? "page" : undefined}
            onClick={() => {
              if (name === "study") store.active.value = 0;
              store.view.value = name;
            }}
          >
            {title}
          </button>
        ))}
      </nav>
      <main>
        {store.session.value === null && <p class="quiet">Opening the lab…</p>}
        {store.session.value && view === "study" && (
          <div class="study">
            <BoardView />
            <FieldView />
            <Edits />
            <Layers />
          </div>
        )}
        {store.session.value && view === "compare" && <Compare />}
        {store.session.value && view === "play" && <Play />}
        {store.session.value && view === "language" && <Language />}
      </main>
      <p class="said" aria-live="polite">
        {store.said.value}
      </p>
      <dialog ref={help} aria-labelledby="help-title">
        <h2 id="help-title">Keys</h2>
        <table class="numbers keys">
          <tbody>
            {KEYS.map((one) => (
              <tr key={one.action + one.key}>
                <th scope="row">
                  <kbd>{`${one.control ? "Ctrl " : ""}${one.shift ? "Shift " : ""}${SHOWN[one.key] ?? one.key.toUpperCase()}`}</kbd>
                </th>
                <td>{one.does}</td>
                <td class="quiet">{one.where === "everywhere" ? "" : `on the ${one.where === "board" ? "board" : "view Play"}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <form method="dialog">
          <button>Close</button>
        </form>
      </dialog>
    </div>
  );
}

function Banner() {
  const store = useStore();
  const { link, why } = store.link.value;
  if (link === "lost" || link === "refused")
    return (
      <p class="banner" role="alert">
        {why}
      </p>
    );
  if (!store.fault.value) return null;
  return (
    <p class="banner" role="alert">
      {store.fault.value}
    </p>
  );
}

function Header({ onHelp }: { onHelp: () => void }) {
  const store = useStore();
  const mazes = store.agentOf(0)?.maze != null;
  const language = store.agentOf(0)?.language;
  const slots = store.session.value?.slots ?? [];
  const ms = store.milliseconds.value;
  return (
    <header>
      <h1>chisel lab</h1>
      <label>
        Agent
        <select aria-label="Agent" value={slots[0]?.agent ?? ""} onChange={(e) => void store.choose(0, e.currentTarget.value)}>
          {store.names.value.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {mazes && <Second />}
      <span class="grow quiet" role="status">
        {ms === null || !mazes ? "" : `${store.offline ? "computed in this page" : "float32"} · ${ms.toFixed(0)} ms`}
      </span>
      {!language && <Session />}
      <button
        class="icon"
        title="light or dark"
        aria-label="Light or dark"
        onClick={() => (store.theme.value = store.theme.value === "dark" ? "light" : "dark")}
      >
        ◐
      </button>
      <button class="icon" onClick={onHelp} aria-label="Keys" title="Keys (?)">
        ?
      </button>
    </header>
  );
}

function Session() {
  const store = useStore();
  const history = store.history.value;
  return (
    <>
      <button onClick={() => store.undo()} disabled={!history?.past.length} title="Ctrl Z">
        Undo
      </button>
      <button onClick={() => store.redo()} disabled={!history?.future.length} title="Ctrl Shift Z">
        Redo
      </button>
      <Files />
    </>
  );
}

function Second() {
  const store = useStore();
  return (
    <label>
      Compare with
      <select
        aria-label="Compare with"
        value={store.session.value?.slots[1]?.agent ?? ""}
        onChange={(e) => {
          const name = e.currentTarget.value;
          store.active.value = 0;
          if (name) void store.choose(1, name);
          else store.change((session) => ({ ...session, slots: session.slots.slice(0, 1) }));
        }}
      >
        <option value="">–</option>
        {store.names.value.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

const TYPES = { csv: "text/csv", svg: "image/svg+xml", png: "image/png" } as const;

function Files() {
  const store = useStore();
  const script = useRef<HTMLDialogElement>(null);
  const text = useSignal("");
  const chosen = useRef<HTMLInputElement>(null);
  const menu = useRef<HTMLDetailsElement>(null);
  const session = store.session.value;
  const done = (act: () => unknown) => () => {
    menu.current?.removeAttribute("open");
    act();
  };
  const exported = async (what: "python" | keyof typeof TYPES) => {
    const answer = await store.tell({ kind: "export", what, session });
    const content = answer?.arrays["content"]?.data as Uint8Array<ArrayBuffer> | undefined;
    if (!answer || !content) return;
    if (what !== "python") {
      download(answer.head["name"] as string, content, TYPES[what]);
      return;
    }
    text.value = new TextDecoder().decode(content);
    script.current?.showModal();
  };
  const save = () => download("session.json", JSON.stringify(session, null, 1), "application/json");
  const link = async () => {
    if (!session) return;
    const url = new URL(location.href);
    const hash = new URLSearchParams(url.hash.slice(1));
    hash.set("session", await packed(session));
    url.hash = hash.toString();
    await copied(url.href, "the link");
  };
  const copied = async (what: string, name: string) => {
    await navigator.clipboard.writeText(what);
    store.said.value = `Copied ${name}.`;
  };
  const opened = async (input: HTMLInputElement) => {
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    try {
      const found: unknown = JSON.parse(await file.text());
      if (!isSession(found)) throw new Error();
      await Promise.all(found.slots.map((slot) => store.open(slot.agent)));
      store.change(() => found);
    } catch {
      store.fault.value = `${file.name} is no session of the lab.`;
    }
  };
  return (
    <>
      <details class="menu" ref={menu}>
        <summary>Session</summary>
        <div class="menu-items">
          <button onClick={done(save)}>Save</button>
          <button onClick={done(() => chosen.current?.click())}>Open…</button>
          <button onClick={done(link)}>Copy link</button>
          {!store.offline && (
            <>
              <button onClick={done(() => exported("python"))}>Copy as Python…</button>
              <button onClick={done(() => exported("svg"))}>Figure as SVG</button>
              <button onClick={done(() => exported("png"))}>Figure as PNG</button>
              <button onClick={done(() => exported("csv"))}>Numbers as CSV</button>
            </>
          )}
        </div>
      </details>
      <input
        ref={chosen}
        class="hidden"
        type="file"
        accept="application/json,.json"
        aria-label="Session file"
        tabIndex={-1}
        onChange={(e) => void opened(e.currentTarget)}
      />
      <dialog ref={script} class="script" aria-labelledby="script-title">
        <h2 id="script-title">This session in Python</h2>
        <p class="quiet">
          It computes what the page shows. With edits, its last line is a command that plays held-out mazes without and with
          them, for a session that is saved as session.json: choose edits on validation mazes, and report split=test once.
        </p>
        <textarea readOnly value={text.value} rows={22} aria-label="Python script" spellcheck={false} />
        <form method="dialog" class="row">
          <button type="button" onClick={() => void copied(text.value, "the script")}>
            Copy
          </button>
          <button>Close</button>
        </form>
      </dialog>
    </>
  );
}
