// "Send now": the button of sources that can be told to send, on their card, in their form, and by key.
import { el, icon, write } from "./dom.js";
import { count } from "./numbers.js";

const SAID_MS = 4000; // how long a button says what it has done

export class ByHand {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.said = new Map(); // node -> {kind: "busy" | "done" | "failed", text}
    this.saved = new Map(); // node -> what the host last said would be sent
    editor.on("status", () => this.#news());
    editor.on("deployed", () => this.#news());
  }

  /** Why a node cannot be told to send now; empty if it can. */
  why(id) {
    const { editor } = this;
    const { words } = editor;
    if (!editor.types[editor.draft.doc.nodes[id]?.type]?.by_hand) return words.hand_none;
    if (!editor.maySend) return words.hand_right;
    const figures = editor.view.figures.get(`n:${id}`);
    if (editor.view.figures.get("f:")?.state !== "running") return words.hand_stopped;
    if (!figures) return words.hand_new;
    return figures.state === "running" ? "" : words.hand_not_ready;
  }

  /** Send what is deployed: all saved messages, or one. */
  async send(id, only = null) {
    const { words } = this.editor;
    const why = this.why(id);
    if (why) return this.editor.tell(why);
    if (this.said.get(id)?.kind === "busy") return;
    this.#say(id, "busy", words.hand_sending);
    try {
      const sent = await this.editor.link.ask("hand.send", { node: id, ...(only === null ? {} : { only }) });
      const text = (sent.messages === 1 ? words.hand_sent_one : words.hand_sent).replace("{count}", count(sent.messages));
      this.#say(id, "done", text);
      const notes = [sent.waiting && words.hand_waiting, sent.differs && words.hand_differs].filter(Boolean);
      if (notes.length) this.editor.tell([`${text}.`, ...notes].join(" "));
    } catch (error) {
      this.#say(id, "failed", words.hand_failed);
      this.editor.tell(error.message, true);
    }
  }

  /** A button for a node; it keeps up with what the node does as long as it is on the page. */
  button(id, classes) {
    const made = el(
      "button", `${classes} fe-hand`, { type: "button", "data-testid": "inject-now", "data-hand": id, onclick: () => this.send(id) },
      icon("send"), el("span", "", { "aria-live": "polite" }),
    );
    this.#paint(made);
    return made;
  }

  /** The part of a node's form: the button, why it cannot be pressed, and each saved message by itself. */
  section(id) {
    const { words } = this.editor;
    this.shown = { id, button: this.button(id, "fh-button fh-primary"), note: el("p", "fe-help", { "data-testid": "inject-note" }), list: el("div", "fe-hand-list") };
    this.#show();
    this.#fetch(id);
    return el("section", "fe-hand-part", { "aria-label": words.hand_send }, this.shown.button, this.shown.note, this.shown.list);
  }

  #fetch(id) {
    if (!this.editor.view.figures.has(`n:${id}`)) return;
    this.editor.link.ask("hand.saved", { node: id }).then(
      (saved) => (this.saved.set(id, saved), this.#show()),
      () => this.saved.delete(id),
    );
  }

  #show() {
    const { shown } = this;
    const { words } = this.editor;
    if (!shown) return;
    const why = this.why(shown.id);
    const saved = this.saved.get(shown.id) ?? { messages: [], differs: false };
    write(shown.note, why || (saved.differs ? words.hand_will_differ : words.hand_help));
    shown.note.dataset.differs = String(!why && saved.differs);
    const wanted = JSON.stringify([why, saved.messages]);
    if (shown.wanted === wanted) return;
    shown.wanted = wanted;
    const ones = saved.messages.map((text, index) => this.#one(shown.id, text, index, why));
    shown.list.replaceChildren(...(ones.length > 1 ? [el("p", "fe-help", {}, words.hand_or_one), ...ones] : []));
  }

  #one(id, text, index, why) {
    const { words } = this.editor;
    const label = words.hand_send_one.replace("{number}", index + 1);
    return el(
      "button", "fe-hand-one", { type: "button", title: label, "aria-label": `${label}: ${text}`, disabled: Boolean(why), "data-testid": "inject-one", "data-index": index, onclick: () => this.send(id, index) },
      icon("send"), el("span", "fh-mono", {}, text),
    );
  }

  #say(id, kind, text) {
    const said = { kind, text };
    this.said.set(id, said);
    this.#paintAll(id);
    if (kind === "busy") return;
    setTimeout(() => {
      if (this.said.get(id) !== said) return;
      this.said.delete(id);
      this.#paintAll(id);
    }, SAID_MS);
  }

  #paintAll(id) {
    for (const button of document.querySelectorAll(`[data-hand="${id}"]`)) this.#paint(button);
  }

  #paint(button) {
    const id = button.dataset.hand;
    const { words } = this.editor;
    const { kind = "idle", text = words.hand_send } = this.said.get(id) ?? {};
    const why = this.why(id);
    button.dataset.said = kind;
    button.title = why || words.hand_title;
    // one that is pressed keeps the focus, so only what cannot be pressed at all is disabled
    button.disabled = Boolean(why) && kind === "idle";
    write(button.firstChild, { busy: "autorenew", done: "check", failed: "error_outline", idle: "send" }[kind]);
    button.firstChild.classList.toggle("fh-spin", kind === "busy");
    write(button.lastChild, text);
  }

  #news() {
    for (const button of document.querySelectorAll("[data-hand]")) this.#paint(button);
    this.#show();
  }
}

/** By key: the selected sources send. */
export function sendSelected(editor) {
  const ids = [...editor.selected].filter((id) => editor.types[editor.draft.doc.nodes[id].type]?.by_hand);
  if (!ids.length) editor.tell(editor.words.hand_none);
  for (const id of ids) editor.hand.send(id);
}
