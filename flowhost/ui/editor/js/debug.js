// Messages of chosen nodes as they come: filtered, paused, looked into. The host sends samples, never more than it may.
import { joined } from "./complete.js";
import { el, icon, iconButton, write } from "./dom.js";
import { messagesOf, toWatch } from "./given.js";
import { count } from "./numbers.js";
import { clock, exact } from "./times.js";

const KEPT = 500;
const SHOWN = 200;

export class DebugPanel {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.lines = []; // newest first
    this.missed = 0;
    const { words } = editor;
    const option = (value) => el("option", "", { value }, words[`debug_${value}`]);
    this.scope = el("select", "fh-input", { "aria-label": words.debug_scope, "data-testid": "debug-scope", onchange: () => this.#watch() }, option("all"), option("selected"));
    this.filter = el("input", "fh-input", { type: "search", placeholder: words.debug_filter, "aria-label": words.debug_filter, "data-testid": "debug-filter", oninput: () => this.#draw() });
    this.pause = iconButton("pause", words.debug_pause, () => this.#pause(), { "data-testid": "debug-pause", "aria-pressed": "false" });
    this.note = el("span", "fh-sub", { role: "status", "data-testid": "debug-note" });
    this.list = el("div", "fg-list", { "data-testid": "debug-list" });
    this.root = el("div", "fg-panel", {}, el("div", "fs-line", {}, this.scope, this.filter, this.pause, iconButton("delete_sweep", words.debug_clear, () => this.#clear(), { "data-testid": "debug-clear" }), this.note), this.list);
    editor.on("values", ({ values }) => this.#take(values));
    editor.on("select", () => this.root.isConnected && this.scope.value === "selected" && this.#watch());
    editor.on("change", () => this.root.isConnected && this.#watch());
  }

  shown() {
    this.#watch();
    this.#draw();
  }

  hidden() {
    this.editor.watch([], "debug");
  }

  #nodes() {
    const { scene, selected } = this.editor;
    return [...(this.scope.value === "selected" ? selected : scene.nodes.keys())];
  }

  #watch() {
    const nodes = toWatch(this.editor.scene, this.#nodes());
    if (JSON.stringify(nodes) === this.watched && this.editor.wanted?.debug?.length === nodes.length) return;
    this.watched = JSON.stringify(nodes);
    this.editor.watch(nodes, "debug");
    this.#draw();
  }

  #take(values) {
    if (!this.root.isConnected) return;
    const news = messagesOf(this.editor.scene, this.#nodes(), values);
    if (!news.length) return;
    if (this.paused) this.missed += news.length;
    else this.lines = [...news.toReversed(), ...this.lines].slice(0, KEPT);
    this.waiting ||= requestAnimationFrame(() => ((this.waiting = 0), this.#draw(false)));
  }

  #pause() {
    this.paused = !this.paused;
    this.missed = 0;
    this.pause.setAttribute("aria-pressed", String(this.paused));
    this.pause.firstChild.textContent = this.paused ? "play_arrow" : "pause";
    this.pause.title = this.paused ? this.editor.words.debug_go_on : this.editor.words.debug_pause;
    this.#draw();
  }

  #clear() {
    this.lines = [];
    this.#draw();
  }

  /** `again`: whatever is open; else a list that somebody reads stays as it is. */
  #draw(again = true) {
    const { words } = this.editor;
    const needle = this.filter.value.trim().toLowerCase();
    const fits = (value) => !needle || `${this.editor.scene.titleOf(value.node)} ${value.node} ${value.topic} ${JSON.stringify(value.payload)}`.toLowerCase().includes(needle);
    const found = this.lines.filter(fits);
    const held = !again && (this.paused || this.list.querySelector("details[open]"));
    write(this.note, this.paused ? words.debug_paused.replace("{count}", count(this.missed)) : held ? words.debug_reading : words.debug_sampled);
    if (held) return; // somebody reads it
    this.list.replaceChildren(...(found.length ? found.slice(0, SHOWN).map((value) => this.#line(value)) : [el("p", "fh-sub", {}, this.lines.length ? words.debug_none_fit : words.debug_none)]));
  }

  #line(value) {
    const { editor } = this;
    const name = el("button", "fg-node", { type: "button", title: editor.words.sample_jump, "data-testid": "debug-node" }, editor.scene.titleOf(value.node));
    name.addEventListener("click", () => editor.jump(value.node));
    const line = el(
      "details", "fe-value", {},
      el(
        "summary", "", {}, icon("chevron_right", "fe-twist"), el("span", "fg-time", { title: exact(value.time) }, clock(value.time, { fine: true })),
        value.given ? el("span", "fh-note", { title: editor.words.debug_given_hint }, editor.words.debug_given) : null, value.port === "out" ? null : el("span", "fh-note", {}, value.port), el("span", "fs-topic", {}, value.topic), el("span", "fe-mono fh-grow fe-value-text", {}, value.text),
        value.unit ? el("span", "fh-unit", {}, value.unit) : null, value.quality === "good" ? null : el("span", "fh-note fh-note-warn", {}, value.quality),
      ),
    );
    line.addEventListener("toggle", () => line.open && line.childElementCount === 1 && line.append(this.#tree(value.payload, "payload")), { once: true });
    return el("div", "fg-line", { "data-testid": "debug-line" }, name, line);
  }

  /** A payload by its fields; a field copies the path that names it in expressions. */
  #tree(value, path) {
    const inner = value !== null && typeof value === "object" ? Object.entries(value).map(([name, one]) => [Array.isArray(value) ? Number(name) : name, one]) : null;
    if (!inner) return el("div", "fg-field", {}, this.#path(path), el("span", "fe-mono", {}, JSON.stringify(value)));
    return el("div", "fg-tree", {}, ...inner.map(([name, one]) => {
      const below = joined(path, name);
      if (one === null || typeof one !== "object") return el("div", "fg-field", {}, this.#path(below, String(name)), el("span", "fe-mono", {}, JSON.stringify(one)));
      return el("div", "", {}, el("div", "fg-field", {}, this.#path(below, String(name))), this.#tree(one, below));
    }));
  }

  #path(path, label = path) {
    const { words } = this.editor;
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(path);
        this.editor.tell(words.debug_copied.replace("{path}", path));
      } catch {
        this.editor.tell(path); // a page that is not served over https may not copy: it can be read at least
      }
    };
    return el("button", "fg-path", { type: "button", title: words.debug_copy.replace("{path}", path), "data-path": path, onclick: copy }, label);
  }
}
