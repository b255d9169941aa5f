/** Show the lab in an element: of the server's page, of a page without a server, or of a widget. */

import { options, render } from "preact";
import { App } from "./App";
import { StoreContext } from "./context";
import { OfflineTransport } from "./offline/transport";
import { unpacked } from "./saving";
import { KEY, Store } from "./store";
import { NotebookTransport, SocketTransport, type NotebookModel, type Transport } from "./transport";
import "./style.css";

// Signals and hooks draw once the elements are up to date, not a frame later.
options.requestAnimationFrame = (run) => void setTimeout(run);

/** Show the lab, and return the function that removes it. */
export function mount(element: HTMLElement, transport: Transport, kept: Storage | null): () => void {
  const store = new Store(transport, kept);
  render(
    <StoreContext.Provider value={store}>
      <App />
    </StoreContext.Provider>,
    element,
  );
  return () => render(null, element);
}

/** The functions that anywidget calls. */
export default {
  render({ model, el }: { model: NotebookModel; el: HTMLElement }): () => void {
    return mount(el, new NotebookTransport(model), null);
  },
};

export { OfflineTransport };

/** Open a page. The server's token, and maybe a session, follow the `#` of the link. */
async function open(element: HTMLElement): Promise<void> {
  const hash = new URLSearchParams(location.hash.slice(1));
  const session = hash.get("session");
  if (session) {
    sessionStorage.setItem(KEY, JSON.stringify(await unpacked(session)));
    hash.delete("session");
    history.replaceState(null, "", `#${hash.toString()}`);
  }
  const held = document.getElementById("chisel-lab-agents")?.textContent;
  const transport = held
    ? new OfflineTransport(Uint8Array.from(atob(held), (one) => one.charCodeAt(0)).buffer)
    : new SocketTransport(`ws://${location.host}/socket`, hash.get("token") ?? "");
  mount(element, transport, sessionStorage);
}

const page = document.getElementById("chisel-lab-page");
if (page) void open(page);
