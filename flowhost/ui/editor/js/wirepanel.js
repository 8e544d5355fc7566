// The panel of the selected wire: what it joins, what goes through it, what its paths promise.
import { el, icon, iconButton, write } from "./dom.js";
import { wireSpot } from "./geometry.js";
import { rate, short } from "./numbers.js";
import { pathsOver, promiseLine } from "./promises.js";
import { RUNS } from "./trouble.js";

export class WirePanel {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    editor.on("select", ({ wire }) => this.#watch(editor.scene.wires.get(wire)?.source));
    editor.on("status", () => this.#figures());
  }

  /** What stands in the panel for a wire. */
  sections(text, problems) {
    const { editor } = this;
    const { words, scene } = editor;
    this.wire = scene.wires.get(text);
    const { source, port, target } = this.wire;
    this.rate = el("dd", "", { "data-testid": "wire-rate" });
    this.waiting = el("dd", "", { "data-testid": "wire-waits" });
    this.#figures();
    const leaves = port === "out" ? null : el("span", "fh-sub", {}, ` ${words.wire_output.replace("{port}", port)}`);
    return [
      el(
        "div", "fh-panel-head", { "data-testid": "wire-panel" }, icon("trending_flat", "fh-node-icon"),
        el("h2", "fh-grow", {}, words.wire_panel), iconButton("close", words.close, () => editor.select([])),
      ),
      el(
        "dl", "fe-wire-facts", {}, fact(words.wire_begins, this.#node(source), leaves), fact(words.wire_ends, this.#node(target)),
        fact(words.wire_rate, this.rate), fact(words.wire_waits, this.waiting, null, words.waiting_hint),
      ),
      ...problems,
      editor.mayEdit ? this.#actions(text) : null,
      this.#promises(),
      editor.values.section(source, { port, title: words.wire_values }),
    ].filter(Boolean);
  }

  #node(id) {
    const { editor } = this;
    return el("dd", "", {}, el("button", "fe-wire-end", { type: "button", "data-node": id, onclick: () => editor.jump(id) }, editor.scene.titleOf(id)));
  }

  #actions(text) {
    const { editor } = this;
    const { words } = editor;
    const insert = () => {
      const { from, to } = editor.scene.wires.get(text);
      editor.quickAdd(wireSpot(from, to, 0.5), null, text);
    };
    const button = (name, sign, label, onclick) => el("button", "fh-button", { type: "button", "data-testid": `wire-${name}`, onclick }, icon(sign), label);
    return el("div", "fe-wire-actions", {}, button("insert", "add", words.menu_insert, insert), button("delete", "delete_outline", words.do_delete, () => editor.remove()));
  }

  #promises() {
    const { editor } = this;
    const { words, scene } = editor;
    const paths = pathsOver(editor.guarantees, scene.wires.values(), this.wire);
    if (!paths.length) return null;
    const name = ({ source, sink }) => `${scene.titleOf(source)} → ${scene.titleOf(sink)}`;
    return el("section", "fe-promises fe-promises-long", {}, el("h3", "", {}, words.wire_promises), ...paths.map((path) => promiseLine(editor, path, name(path))));
  }

  #figures() {
    if (!this.wire) return;
    const { words, view } = this.editor;
    const runs = RUNS.has(view.figures.get("f:")?.state);
    write(this.rate, runs ? `${rate(view.figures.get(`w:${this.wire.text}`)?.rate)}${words.per_s}` : words.node_idle);
    write(this.waiting, short(view.figures.get(`n:${this.wire.target}`)?.waiting ?? 0));
  }

  /** Messages of the node it begins at are wanted while it is shown. */
  #watch(source) {
    if (source === this.watched) return;
    this.watched = source;
    this.editor.watch(source ? [source] : [], "wire");
  }
}

function fact(name, value, more = null, title = null) {
  if (more) value.append(more);
  return el("div", "fh-fact", { title }, el("dt", "", {}, name), value);
}
