// The socket to the host: opens again when it breaks, sends edits again that were not confirmed.

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5000;
const FINAL_CODES = new Set([4403, 4404]); // the host says no: trying again would not help

export class Channel {
  /**
   * @param {string} url address of the socket
   * @param {object} hooks
   * @param {() => object} hooks.hello what to say first, each time the line stands
   * @param {(frame: object) => void} hooks.frame takes what comes
   * @param {(state: "open" | "lost" | "closed", reason: string) => void} hooks.state tells how the line is
   * @param {typeof WebSocket} [Socket] for tests
   */
  constructor(url, hooks, Socket = globalThis.WebSocket) {
    Object.assign(this, { url, hooks, Socket });
    this.pause = FIRST_PAUSE_MS;
    this.over = false;
    this.open();
  }

  open() {
    if (this.over) return;
    const socket = new this.Socket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.pause = FIRST_PAUSE_MS;
      this.send(this.hooks.hello());
      this.hooks.state("open", "");
    };
    socket.onmessage = (event) => this.hooks.frame(JSON.parse(event.data));
    socket.onclose = (event) => this.#closed(socket, event);
  }

  /** Send a frame if the line stands; false if not: what matters is sent again with the next hello. */
  send(frame) {
    if (this.socket?.readyState !== 1) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    const { socket } = this;
    // one that is closed before it stands would be a warning in the browser's console
    if (socket?.readyState === 0) socket.onopen = () => socket.close();
    else socket?.close();
  }

  #closed(socket, event) {
    if (socket !== this.socket || this.over) return;
    if (FINAL_CODES.has(event.code)) {
      this.over = true;
      this.hooks.state("closed", event.reason);
      return;
    }
    this.hooks.state("lost", event.reason);
    this.timer = setTimeout(() => this.open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }
}
