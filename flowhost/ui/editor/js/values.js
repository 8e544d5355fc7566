// The last messages that came to a node and left it, on demand: as a table, or as a line each that opens as JSON.
import { el, icon } from "./dom.js";
import { clock, exact } from "./times.js";
import { valueTable } from "./valuetable.js";

const KEPT = 20;
const SHOWN = 8;
const SHAPE_KEY = "flowhost.values";

export class LastValues {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.kept = new Map(); // node -> newest first
    this.side = "out";
    this.shape = localStorage.getItem(SHAPE_KEY) === "table" ? "table" : "json";
    editor.on("status", ({ of }) => of["f:"] && this.#begin(of["f:"].run));
    editor.on("values", ({ values }) => this.#take(values));
    editor.on("open", (id) => this.#watch(id));
    editor.on("change", () => this.editor.opened && this.#watch(this.editor.opened));
  }

  /** The part of the panel for a node, or for what leaves it by one of its outputs. */
  section(id, { port = null, title = this.editor.words.values } = {}) {
    const { words } = this.editor;
    Object.assign(this, { node: id, port });
    const list = (this.list = el("div", "fe-values", { "data-testid": "values" }));
    const choice = (name, options, take) => {
      const press = (option) => () => (take(option), this.#draw(true), this.#pressed());
      const buttons = options.map((option) => el("button", "fe-choice", { type: "button", "data-testid": `values-${option}`, "data-option": option, onclick: press(option) }, words[`values_${option}`]));
      return el("div", "fe-choices", { role: "group", "aria-label": words[`values_${name}`], "data-choice": name }, ...buttons);
    };
    const sides = choice("side", this.#sides(id), (side) => (this.side = side));
    const shapes = choice("shape", ["table", "json"], (shape) => localStorage.setItem(SHAPE_KEY, (this.shape = shape)));
    this.head = el("div", "fe-values-head", {}, sides, el("span", "fh-grow"), shapes);
    this.#draw(true);
    this.#pressed();
    return el("details", "fe-more", { open: true }, el("summary", "", {}, title), this.head, list);
  }

  /** The newest message that came to a node, from whichever node before it; null if none was seen. */
  newestInto(id) {
    return this.#into(id)[0] ?? null;
  }

  /** A source is given nothing, and a sink gives nothing on. */
  #sides(id) {
    if (this.port) return ["out"];
    return { source: ["out"], sink: ["in"] }[this.editor.scene.kindOf(id)] ?? ["in", "out"];
  }

  #wiresTo(id) {
    return [...this.editor.scene.wires.values()].filter((wire) => wire.target === id);
  }

  /** What left the nodes before it by a wire that leads here; of several wires, each says which. */
  #into(id) {
    const { scene } = this.editor;
    const wires = this.#wiresTo(id);
    const came = wires.flatMap(({ source, port }) => {
      const from = `${scene.titleOf(source)}${port === "out" ? "" : ` · ${port}`}`;
      return (this.kept.get(source) ?? []).filter((value) => value.port === port).map((value) => ({ ...value, from: wires.length > 1 ? from : "" }));
    });
    return came.sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
  }

  /** What left it; of several outputs, each message says which. */
  #outOf(id) {
    const values = (this.kept.get(id) ?? []).filter(({ port }) => !this.port || port === this.port);
    const several = new Set(values.map(({ port }) => port)).size > 1;
    return values.map((value) => ({ ...value, from: several ? value.port : "" }));
  }

  #watch(id) {
    const nodes = id ? [...new Set([id, ...this.#wiresTo(id).map((wire) => wire.source)])] : [];
    if (JSON.stringify(nodes) === JSON.stringify(this.watched)) return;
    this.watched = nodes;
    this.editor.watch(nodes);
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
    if (values.some(({ node }) => node === this.node || this.watched?.includes(node)) && this.list) this.#draw();
    this.editor.emit("fresh", values);
  }

  #pressed() {
    const side = this.#side();
    for (const button of this.head.querySelectorAll("button")) button.setAttribute("aria-pressed", String([side, this.shape].includes(button.dataset.option)));
  }

  #side() {
    const sides = this.#sides(this.node);
    return sides.includes(this.side) ? this.side : sides[0];
  }

  /** `asked`: somebody wants to see something else. */
  #draw(asked = false) {
    const { words } = this.editor;
    if (!this.editor.scene.nodes.has(this.node)) return;
    const side = this.#side();
    const values = (side === "in" ? this.#into(this.node) : this.#outOf(this.node)).slice(0, SHOWN);
    const opened = this.list.querySelector("details[open]");
    if (!asked && opened && this.list.contains(document.activeElement)) return; // somebody reads it
    const shown = this.shape === "table" ? [valueTable(values, words, side)] : values.map((value) => this.#line(value));
    this.list.replaceChildren(...(values.length ? shown : [el("p", "fh-sub", {}, words.values_none)]));
  }

  #line(value) {
    const quality = value.quality === "good" ? null : el("span", "fh-note fh-note-warn", {}, value.quality);
    return el(
      "details", "fe-value", {},
      el("summary", "", {}, icon("chevron_right", "fe-twist"), el("span", "fe-mono fh-grow fe-value-text", {}, value.text), value.unit ? el("span", "fh-unit", {}, value.unit) : null, quality),
      el("div", "fh-sub", { title: exact(value.time) }, [value.from, value.topic || "–", clock(value.time, { fine: true })].filter(Boolean).join(" · ")),
      el("pre", "fe-json", {}, JSON.stringify(value.payload, null, 2)),
    );
  }
}
