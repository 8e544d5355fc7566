// The draft as YAML beside the canvas. What is typed changes nothing until it is applied: as one step, merged with
// what others did meanwhile.
import { copyToClipboard, el, icon, iconButton, saveFile, write } from "./dom.js";
import { count } from "./numbers.js";
import { indented, indexAt, nodeAtLine, nodeLines } from "./yamltext.js";

const REFRESH_AFTER_MS = 150;
const CHECK_AFTER_MS = 350;
const LINE_PX = 18;
const BOTH_FIT = 1800; // as in editor.css
const MOST = 900_000; // characters; more does not go over the line at once

export class YamlView {
  /** @param {HTMLElement} root @param {import("./editor.js").Editor} editor */
  constructor(root, editor) {
    Object.assign(this, { root, editor, base: null, checked: null });
    root.hidden = true;
    this.#build(editor.words);
    editor.on("yaml", () => this.toggle());
    editor.on("change", () => this.#later());
    editor.on("ready", () => this.#later());
    editor.on("select", ({ nodes }) => this.#follow([...nodes][0]));
    // where both do not fit, the panel that is asked for comes back
    for (const name of ["showproblems", "focusform", "focusfield", "rename"]) editor.on(name, () => !root.hidden && innerWidth < BOTH_FIT && this.toggle());
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
  }

  /** Whether something was typed that is not applied. */
  get dirty() {
    return this.base !== null && this.area.value !== this.base;
  }

  toggle() {
    this.root.hidden = !this.root.hidden;
    this.root.parentElement.classList.toggle("fe-with-yaml", !this.root.hidden);
    if (this.root.hidden) return this.editor.frame.focus();
    this.#refresh();
    return this.area.focus();
  }

  #build(words) {
    const { editor } = this;
    this.area = el("textarea", "fe-yaml-text", {
      wrap: "off", spellcheck: "false", autocomplete: "off", "aria-label": words.yaml, "data-testid": "yaml-text", readonly: !editor.mayEdit,
      oninput: () => this.#typed(), onkeydown: (event) => this.#key(event), onscroll: () => this.#scrolled(), onkeyup: () => this.#point(), onclick: () => this.#point(),
    });
    this.gutter = el("pre", "fe-yaml-gutter", { "aria-hidden": "true" });
    this.state = el("span", "fe-yaml-state", { role: "status", "data-testid": "yaml-state" });
    this.apply = el("button", "fh-button fh-primary", { type: "button", disabled: true, "data-testid": "yaml-apply", title: "Ctrl+Enter", onclick: () => this.#apply() }, words.yaml_apply);
    this.discard = el("button", "fh-button", { type: "button", disabled: true, "data-testid": "yaml-discard", onclick: () => this.#giveUp() }, words.yaml_discard);
    this.found = el("div", "fe-yaml-problems", { "data-testid": "yaml-problems" });
    const file = el("input", "", { type: "file", accept: ".yaml,.yml", hidden: true, "data-testid": "yaml-file", onchange: () => this.#load(file) });
    const tools = [
      iconButton("content_copy", words.yaml_copy, () => this.#copy(), { "data-testid": "yaml-copy" }),
      iconButton("download", words.yaml_download, () => saveFile(`${editor.flow}.yaml`, this.area.value), { "data-testid": "yaml-download" }),
      editor.mayEdit ? iconButton("upload_file", words.yaml_load, () => file.click()) : null,
      iconButton("close", words.close, () => this.toggle()),
    ];
    this.root.append(
      el("div", "fe-yaml-head", {}, el("h2", "", {}, words.yaml), el("span", "fh-grow"), file, ...tools.filter(Boolean)),
      el("div", "fe-yaml-body", {}, this.gutter, this.area), this.found,
      el("div", "fe-yaml-foot", { hidden: !editor.mayEdit }, this.state, el("span", "fh-grow"), this.discard, this.apply),
    );
  }

  #later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.#refresh(), REFRESH_AFTER_MS);
  }

  /** Show the draft as it is now, unless something is being typed. */
  async #refresh() {
    if (this.root.hidden || !this.editor.draft.ready) return;
    if (this.dirty) return this.#say();
    try {
      const { text } = await this.editor.link.ask("text", {});
      if (!this.dirty) this.#show(text);
    } catch (error) {
      write(this.state, error.message);
    }
  }

  #show(text) {
    const { area } = this;
    this.base = text;
    this.outdated = false;
    if (area.value !== text) {
      const [start, top, left] = [area.selectionStart, area.scrollTop, area.scrollLeft];
      area.value = text;
      area.setSelectionRange(start, start);
      Object.assign(area, { scrollTop: top, scrollLeft: left });
    }
    this.#take(null);
  }

  #typed() {
    this.#numbers();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#check(), CHECK_AFTER_MS);
    this.checked = null;
    this.#say();
  }

  /** Ask the host what the text would change. */
  async #check() {
    const text = this.area.value;
    if (!this.dirty) return this.#take(null);
    if (text.length + this.base.length > MOST) return write(this.state, this.editor.words.yaml_large);
    try {
      const answer = await this.editor.link.ask("text.read", { text, base: this.base });
      if (this.area.value === text) this.#take({ ...answer, text });
    } catch (error) {
      write(this.state, error.message);
    }
  }

  #take(answer) {
    const { words } = this.editor;
    this.checked = answer;
    const problems = answer?.problems ?? [];
    const line = (one) => {
      const kind = one.blocks ? "error" : "warning";
      const jump = () => this.#goTo(one.line, one.column);
      const where = words.yaml_at.replace("{line}", one.line).replace("{column}", one.column);
      const parts = [icon(one.blocks ? "error_outline" : "warning_amber"), el("span", "fe-yaml-at", {}, where), el("span", "", {}, one.message)];
      return el("button", `fe-problem fe-problem-${kind} fe-problem-link`, { type: "button", onclick: jump, "data-testid": "yaml-problem" }, ...parts);
    };
    this.found.replaceChildren(...problems.slice(0, 20).map(line));
    this.marked = new Map(problems.map((one) => [one.line, one.blocks]));
    this.#numbers();
    this.#say();
  }

  #say() {
    const { words } = this.editor;
    const { dirty, checked } = this;
    const ready = dirty && checked !== null && checked.ops !== null;
    const blocked = dirty && checked !== null && checked.ops === null;
    const parts = [];
    if (dirty) parts.push(blocked ? words.yaml_wrong : ready ? (checked.ops.length === 1 ? words.yaml_ready_one : words.yaml_ready).replace("{count}", count(checked.ops.length)) : words.yaml_checking);
    if (ready && checked.comments) parts.push(words.yaml_comments);
    write(this.state, parts.join(" "));
    this.apply.disabled = !ready;
    this.discard.disabled = !dirty;
    this.root.dataset.dirty = String(dirty);
  }

  async #apply() {
    if (!this.dirty) return;
    clearTimeout(this.timer);
    if (this.checked?.text !== this.area.value) await this.#check();
    const { checked, editor } = this;
    if (!checked?.ops) return;
    if (checked.ops.length && !editor.commit(checked.ops, "yaml")) return; // the editor has said why
    this.base = this.area.value;
    this.#take(null);
    this.#later();
  }

  #giveUp() {
    this.area.value = this.base;
    this.#take(null);
    this.#later();
    this.area.focus();
  }

  async #copy() {
    const done = await copyToClipboard(this.area.value);
    this.editor.tell(this.editor.words[done ? "yaml_copied" : "yaml_not_copied"]);
  }

  async #load(file) {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    if (chosen.size > MOST) return this.editor.tell(this.editor.words.yaml_large);
    this.area.value = await chosen.text();
    this.#typed();
    this.area.focus();
  }

  // -- in step with the canvas

  #follow(id) {
    if (this.root.hidden || !id || document.activeElement === this.area || this.dirty) return;
    const [first] = nodeLines(this.area.value.split("\n")).get(id) ?? [];
    if (first) this.area.scrollTop = Math.max(0, (first - 4) * LINE_PX);
  }

  /** The node the caret stands in is selected on the canvas. */
  #point() {
    const { area, editor } = this;
    const number = area.value.slice(0, area.selectionStart).split("\n").length;
    const id = nodeAtLine(area.value.split("\n"), number);
    if (!id || id === this.pointed || !editor.scene.nodes.has(id)) return;
    this.pointed = id;
    editor.select([id]);
    editor.view.camera.reveal(editor.scene.box(id));
  }

  #goTo(line, column) {
    const at = indexAt(this.area.value, line, column);
    this.area.focus();
    this.area.setSelectionRange(at, at);
    this.area.scrollTop = Math.max(0, (line - 6) * LINE_PX);
  }

  #key(event) {
    event.stopPropagation();
    if (["Enter", "s"].includes(event.key) && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#apply();
    } else if (event.key === "Tab" && this.editor.mayEdit) {
      event.preventDefault();
      const made = indented(this.area.value, this.area.selectionStart, this.area.selectionEnd, event.shiftKey);
      this.area.value = made.text;
      this.area.setSelectionRange(made.start, made.end);
      this.#typed();
    } else if (event.key === "Escape") this.editor.frame.focus();
  }

  #numbers() {
    const count = this.area.value.split("\n").length;
    const lines = Array.from({ length: count }, (_, index) => {
      const blocks = this.marked?.get(index + 1);
      return el("span", blocks === undefined ? "" : blocks ? "fe-line-bad" : "fe-line-warn", {}, `${index + 1}\n`);
    });
    this.gutter.replaceChildren(...lines);
    this.#scrolled();
  }

  #scrolled() {
    this.gutter.scrollTop = this.area.scrollTop;
  }
}
