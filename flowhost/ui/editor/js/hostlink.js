// The editor's side of the socket: takes what the host tells, says what this tab does.
import { Channel } from "./channel.js";
import { Asks } from "./asks.js";
import { tabId } from "./memory.js";
import { lastPut, nameOf, putWords } from "./people.js";

const PRESENCE_AFTER_MS = 120;

export class HostLink {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.tab = tabId();
    this.watched = [];
    this.asks = new Asks((frame) => this.send(frame), editor.words);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.channel = new Channel(`${scheme}://${location.host}/api/v1/flows/${encodeURIComponent(editor.flow)}/live`, {
      hello: () => ({ t: "hello", tab: this.tab, rev: editor.draft.rev }),
      frame: (frame) => this.#take(frame),
      state: (state, reason) => this.#line(state, reason),
    });
  }

  close() {
    this.channel.close();
  }

  send(frame) {
    return this.channel.send(frame);
  }

  /** A question to the host; rejects with words for the person. */
  ask(what, args) {
    return this.asks.ask(what, args);
  }

  /** Values of these nodes are wanted. */
  watch(nodes) {
    this.watched = nodes;
    this.send({ t: "watch", nodes });
  }

  /** Tell others what is selected and edited here. */
  presence() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { selected, opened } = this.editor;
      const said = JSON.stringify({ selected: [...selected].slice(0, 50), node: opened ?? "" });
      if (said !== this.said && this.send({ t: "presence", ...JSON.parse(said) })) this.said = said;
    }, PRESENCE_AFTER_MS);
  }

  #take(frame) {
    const { editor } = this;
    const { draft } = editor;
    switch (frame.t) {
      case "draft":
        editor.takeProblems(frame);
        draft.take(frame.rev, frame.document);
        if (frame.last_put) this.#offer(frame.last_put);
        this.#resend();
        editor.emit("deployed", frame);
        break;
      case "ops":
        draft.confirmed(frame);
        if (frame.way_back) editor.tell(putWords(editor.words, frame, this.tab));
        break;
      case "ack":
        draft.acknowledged(frame.id);
        break;
      case "nack":
        draft.refused(frame.id, frame.reason);
        break;
      case "answer":
        this.asks.take(frame);
        break;
      case "caught_up":
        this.#resend();
        break;
      case "replaced":
        this.send({ t: "resync" });
        if (frame.by) editor.tell(editor.words.replaced.replace("{name}", nameOf(editor.words, frame.by)));
        break;
      case "problems":
        editor.takeProblems(frame);
        break;
      case "status":
        editor.view.status(frame);
        editor.emit("status", frame);
        break;
      case "presence":
        editor.takePeople(frame.people.filter((person) => person.id !== this.tab));
        break;
      default:
        editor.emit(frame.t, frame);
    }
  }

  /** Another version was put here last: whoever comes later can undo that, too. */
  #offer({ batch, way_back: back }) {
    const { editor } = this;
    if (!editor.draft.offer(batch, back.ops)) return;
    editor.tell(lastPut(editor.words, back));
    editor.emit("undo", editor.draft);
  }

  #line(state, reason) {
    this.said = null;
    if (state === "open") {
      this.presence();
      if (this.watched.length) this.watch(this.watched);
    } else this.asks.lost();
    this.editor.emit("line", { state, reason, unsent: this.editor.draft.unsent().length });
  }

  #resend() {
    for (const batch of this.editor.draft.unsent()) this.send({ t: "ops", ...batch });
    this.editor.emit("ready", this.editor.draft);
  }
}
