/** Carry messages through a socket of the local server, or through a notebook's channel. */

import { decode, type Answer } from "./protocol";

export type Link = "opening" | "open" | "lost" | "refused";

export interface Transport {
  onAnswer: (answer: Answer) => void;
  /** Called when the connection opens or closes, with words for the person. */
  onLink: (link: Link, why: string) => void;
  /** Token that proves that the right person opened the page; empty in a notebook. */
  readonly token: string;
  /** Whether the page answers itself; then there are no episodes and no files. */
  readonly offline: boolean;
  start(): void;
  send(message: object): void;
  /** Note that the server refused this page, so that trying again would not help. */
  refuse(why: string): void;
}

const AGAIN = 1000;

export class SocketTransport implements Transport {
  onAnswer: Transport["onAnswer"] = () => undefined;
  onLink: Transport["onLink"] = () => undefined;
  readonly offline = false;
  private socket: WebSocket | null = null;
  private refused = false;

  constructor(
    private readonly url: string,
    readonly token: string,
  ) {}

  start(): void {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.onLink("open", "");
    socket.onmessage = (event) => this.onAnswer(decode(event.data as ArrayBuffer));
    socket.onclose = (event) => this.closed(event.code);
    this.socket = socket;
  }

  send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  refuse(why: string): void {
    this.refused = true;
    this.onLink("refused", why);
  }

  private closed(code: number): void {
    if (this.refused) return;
    const why =
      code === 1009
        ? "That was too large for the lab. Connecting again…"
        : "The lab does not answer. Is it still running in the terminal? Trying again…";
    this.onLink("lost", why);
    setTimeout(() => this.start(), AGAIN);
  }
}

/** The part of an anywidget model that is used. */
export interface NotebookModel {
  send(content: object): void;
  on(event: "msg:custom", callback: (content: unknown, buffers: DataView[]) => void): void;
}

export class NotebookTransport implements Transport {
  onAnswer: Transport["onAnswer"] = () => undefined;
  onLink: Transport["onLink"] = () => undefined;
  readonly token = "";
  readonly offline = false;

  constructor(private readonly model: NotebookModel) {}

  start(): void {
    this.model.on("msg:custom", (_, [view]) => {
      if (!view) return;
      const bytes = new Uint8Array(view.byteLength);
      bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
      this.onAnswer(decode(bytes.buffer));
    });
    this.onLink("open", "");
  }

  send(message: object): void {
    this.model.send(message);
  }

  refuse(why: string): void {
    this.onLink("refused", why);
  }
}
