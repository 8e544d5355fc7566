// The last messages that left a node, on demand: as a line each, opened as JSON.
import { el, icon } from "./dom.js";
import { clock, exact } from "./times.js";

const KEPT = 20;

export class LastValues {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.kept = new Map(); // node -> newest first
    editor.on("status", ({ of }) => of["f:"] && this.#begin(of["f:"].run));
    editor.on("values", ({ values }) => this.#take(values));
    editor.on("open", (id) => editor.watch(id ? [id, ...this.#before(id)] : []));
  }

  /** The part of the panel for a node. */
  section(id) {
    const { words } = this.editor;
    this.node = id;
    this.list = el("div", "fe-values", { "data-testid": "values" });
    this.#draw();
    return el("details", "fe-more", { open: true }, el("summary", "", {}, words.values), this.list);
  }

  /** The newest message that came to a node, from whichever node before it; null if none was seen. */
  newestInto(id) {
    return this.#before(id).flatMap((other) => this.kept.get(other) ?? []).sort((a, b) => Date.parse(b.time) - Date.parse(a.time))[0] ?? null;
  }

  #before(id) {
    return [...new Set([...this.editor.scene.wires.values()].filter((wire) => wire.target === id).map((wire) => wire.source))];
  }

  /** What another run sent is not what this one sends. */
  #begin(run) {
    if (run === this.run || run === null) return;
    const first = this.run === undefined;
    this.run = run;
    if (first) return;
    this.kept.clear();
    if (this.list) this.#draw();
  }

  #take(values) {
    for (const value of values) this.kept.set(value.node, [value, ...(this.kept.get(value.node) ?? [])].slice(0, KEPT));
    if (values.some((value) => value.node === this.node)) this.#draw();
    this.editor.emit("fresh", values);
  }

  #draw() {
    const { words } = this.editor;
    const values = this.kept.get(this.node) ?? [];
    const opened = this.list.querySelector("details[open]");
    if (opened && this.list.contains(document.activeElement)) return; // somebody reads it
    this.list.replaceChildren(...(values.length ? values.slice(0, 8).map((value) => this.#line(value)) : [el("p", "fh-sub", {}, words.values_none)]));
  }

  #line(value) {
    const quality = value.quality === "good" ? null : el("span", "fh-note fh-note-warn", {}, value.quality);
    return el(
      "details", "fe-value", {},
      el("summary", "", {}, icon("chevron_right", "fe-twist"), el("span", "fe-mono fh-grow fe-value-text", {}, value.text), value.unit ? el("span", "fh-unit", {}, value.unit) : null, quality),
      el("div", "fh-sub", { title: exact(value.time) }, `${value.port} · ${value.topic || "–"} · ${clock(value.time, { fine: true })}`),
      el("pre", "fe-json", {}, JSON.stringify(value.payload, null, 2)),
    );
  }
}
