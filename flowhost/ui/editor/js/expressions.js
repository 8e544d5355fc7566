// Help at fields that hold expressions: what could come next, what is wrong and where, and what comes out.
import { bareKind, completions, partsOf, pathsOf, wordAt } from "./complete.js";
import { el, icon } from "./dom.js";
import { reference } from "./exprhelp.js";
import { afterPress } from "./press.js";
import { valueAt } from "./problems.js";
import { prose } from "./prose.js";

const ASK_AFTER_MS = 150;
const AGAIN_AFTER_MS = 3000; // messages keep coming: what they showed is not asked again for each
const FIELDS_SHOWN = 8;

export class Expressions {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.known = { names: [], functions: [] };
    editor.on("suggest", ({ input, kind, node, path }) => this.#attach(input, kind, node, path));
    editor.on("ready", () => this.#learn());
    editor.on("fresh", () => this.#again());
  }

  async #learn() {
    if (this.known.names.length) return;
    try {
      this.known = await this.editor.link.ask("expression.words", {});
      this.editor.units = this.known.units;
    } catch {
      return; // asked again when the line is back
    }
  }

  #attach(input, kind, node, path) {
    const result = el("div", "fx-result", { "data-testid": "expression-result", role: "status", hidden: true });
    const list = el("div", "fx-list", { role: "listbox", hidden: true, "data-testid": "completions" });
    const strip = el("div", "fx-strip", { hidden: true, "data-testid": "expression-help" });
    const help = { input, kind, node, path, result, list, strip, chosen: -1, items: [], asked: 0 };
    // the field is put into the page after this
    queueMicrotask(() => (input.closest(".fe-row") ?? input).after(list, result, strip));
    input.setAttribute("aria-autocomplete", "list");
    input.addEventListener("focus", () => (this.#ask(help), this.#strip(help)));
    input.addEventListener("input", () => (this.#offer(help), this.#soon(help)));
    input.addEventListener("keydown", (event) => this.#key(help, event), true);
    // what is wrong with a text that was left stands at its field as a problem
    input.addEventListener("blur", () => {
      list.hidden = true;
      afterPress(() => document.activeElement === input || (result.hidden = strip.hidden = true));
    });
  }

  /** Under the field: what the last message has, and what else may stand here; a click puts it in. */
  #strip(help) {
    const { words } = this.editor;
    const message = this.#message(help.node);
    const fields = pathsOf(message?.payload).filter(({ text }) => !text.endsWith("]"));
    const bare = message && bareKind(message.payload);
    // what every message has beside its payload may stand here too
    const parts = partsOf(message ?? {});
    const paths = bare ? parts : [...fields.slice(0, FIELDS_SHOWN), ...parts.filter(({ text }) => text !== "payload")];
    const put = (text, at = help.input.selectionStart ?? help.input.value.length) => this.#put(help, text, at);
    const chip = ({ text, detail }) => el("button", "fx-chip", { type: "button", tabindex: "-1", title: detail, onmousedown: (event) => (event.preventDefault(), put(help.kind.template ? `{${text}}` : text)) }, text);
    const more = el("button", "fx-more", { type: "button", tabindex: "-1", "data-testid": "expression-reference", onmousedown: (event) => (event.preventDefault(), this.#sheet(help, put)) }, icon("menu_book"), words.expr_reference);
    const says = bare ? words[`expr_bare_${bare}`] : fields.length ? "" : words.expr_no_fields;
    const line = says ? el("span", "fh-sub fx-says", {}, ...prose(says)) : null;
    help.strip.replaceChildren(...[line, ...paths.map(chip), more].filter(Boolean));
    help.strip.hidden = false;
  }

  /** The newest message that came to the node, from the running flow or else from the last sample. */
  #message(node) {
    const { values, samples } = this.editor;
    return values?.newestInto(node) ?? samples?.newestInto(node) ?? null;
  }

  #sheet(help, put) {
    const at = help.input.selectionStart ?? help.input.value.length;
    reference(this.known, this.editor.words, (text) => put(text, at));
  }

  /** `all`: also where nothing is typed yet. */
  #offer(help, all = false) {
    const { input, kind, list } = help;
    const at = wordAt(input.value, input.selectionStart ?? input.value.length, kind.template);
    const paths = pathsOf(this.#message(help.node)?.payload);
    help.items = at && (at.word || all) ? completions(at.word, { ...this.known, paths }) : [];
    help.chosen = -1;
    list.hidden = !help.items.length;
    list.replaceChildren(...help.items.map((item, index) => {
      const line = el("div", "fx-item", { role: "option", "data-kind": item.kind }, el("span", "fe-mono", {}, item.text), el("span", "fx-detail", {}, item.detail));
      line.addEventListener("mousedown", (event) => (event.preventDefault(), this.#take(help, index)));
      return line;
    }));
  }

  #key(help, event) {
    if (event.ctrlKey && event.code === "Space") return (event.preventDefault(), event.stopImmediatePropagation(), this.#offer(help, true));
    if (help.list.hidden) return;
    const { items } = help;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      help.chosen = (help.chosen + step + items.length) % items.length;
      [...help.list.children].forEach((line, index) => line.setAttribute("aria-selected", String(index === help.chosen)));
      help.list.children[help.chosen].scrollIntoView({ block: "nearest" });
    } else if ((event.key === "Enter" || event.key === "Tab") && help.chosen >= 0) {
      this.#take(help, help.chosen);
    } else if (event.key === "Escape") {
      help.list.hidden = true;
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  #take(help, index) {
    const { input, kind, list } = help;
    const cursor = input.selectionStart ?? input.value.length;
    const at = wordAt(input.value, cursor, kind.template) ?? { start: cursor };
    list.hidden = true;
    this.#put(help, help.items[index].text, at.start);
  }

  #put(help, text, from) {
    // the form may have been drawn anew since
    const input = help.input.isConnected ? help.input : document.getElementById(help.input.id);
    if (!input) return;
    const to = input === document.activeElement ? input.selectionEnd : from;
    input.focus();
    input.setRangeText(text, from, Math.max(from, to), "end");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    help.list.hidden = true;
  }

  #soon(help) {
    clearTimeout(help.timer);
    help.timer = setTimeout(() => this.#ask(help), ASK_AFTER_MS);
  }

  async #ask(help) {
    const { input, kind, result } = help;
    const text = input.value;
    const mine = ++help.asked;
    if (!text.trim()) return (result.hidden = true);
    const message = this.#message(help.node);
    const found = await this.#tried(text, message, kind);
    if (!found) return; // lint says it at the latest
    this.#note(help, text, found);
    if (mine === help.asked && document.activeElement === input) this.#show(help, text, found, message);
  }

  async #tried(text, message, kind) {
    try {
      return await this.editor.link.ask("expression", { text, message, template: Boolean(kind.template) });
    } catch {
      return null;
    }
  }

  /** Why what comes out does not do here; empty where it does. */
  #unfit(kind, found) {
    const { words } = this.editor;
    const wrong = kind.condition && ("value" in found ? typeof found.value !== "boolean" : found.never_bool);
    if (!wrong) return "";
    return "value" in found ? words.expr_not_truth.replace("{value}", JSON.stringify(found.value)) : words.expr_never_truth;
  }

  /** What the last message showed stays with the field and the flow when the field is left. */
  #note({ node, path, kind }, text, found) {
    if (!path) return;
    const { findings, words } = this.editor;
    const steps = ["nodes", node, ...path];
    const onMessage = found.error && !found.text_wrong ? `${words.expr_on_message}: ${found.error}` : "";
    if (findings.note(steps, text, onMessage || this.#unfit(kind, found), { node, kind })) this.editor.showProblems();
  }

  /** Newer messages may fit what older ones did not. */
  #again() {
    const { findings, draft } = this.editor;
    if (!findings.noted.size || performance.now() - (this.lastAgain ?? 0) < AGAIN_AFTER_MS) return;
    this.lastAgain = performance.now();
    for (const { steps, text, of } of [...findings.noted.values()]) {
      if (valueAt(draft.doc, steps) !== text) continue;
      this.#tried(text, this.#message(of.node), of.kind).then((found) => found && this.#note({ ...of, path: steps.slice(2) }, text, found));
    }
  }

  #show({ result, kind }, text, found, message) {
    const { words } = this.editor;
    const unfit = found.error ? "" : this.#unfit(kind, found);
    result.hidden = false;
    if (unfit) {
      result.dataset.wrong = "message";
      return result.replaceChildren(icon("warning_amber"), el("div", "fx-body", {}, unfit));
    }
    if (found.error) {
      result.dataset.wrong = found.text_wrong ? "text" : "message";
      const column = Math.max(1, found.column);
      const mark = el("pre", "fx-mark", { "aria-hidden": "true" }, text.split("\n")[0].slice(0, column - 1), el("mark", "", {}, text.split("\n")[0].slice(column - 1) || " "));
      result.replaceChildren(icon("error_outline"), el("div", "fx-body", {}, mark, el("span", "", {}, `${found.text_wrong ? "" : `${words.expr_on_message}: `}${found.error}`)));
      return;
    }
    delete result.dataset.wrong;
    if (!("value" in found)) return result.replaceChildren(el("span", "", {}, words.expr_no_message));
    const shown = typeof found.value === "string" ? found.value : JSON.stringify(found.value);
    result.replaceChildren(icon("east"), el("div", "fx-body", {}, el("span", "fe-mono fx-value", { "data-testid": "expression-value" }, shown), message ? el("span", "fx-from", {}, `${words.expr_from} ${message.topic || "–"}`) : null));
  }
}
