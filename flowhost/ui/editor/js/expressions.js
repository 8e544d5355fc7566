// Help at fields that hold expressions: what could come next, what is wrong and where, and what comes out.
import { completions, pathsOf, wordAt } from "./complete.js";
import { el, icon } from "./dom.js";

const ASK_AFTER_MS = 150;

export class Expressions {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.known = { names: [], functions: [] };
    editor.on("suggest", ({ input, kind, node }) => this.#attach(input, kind, node));
    editor.on("ready", () => this.#learn());
  }

  async #learn() {
    if (this.known.names.length) return;
    try {
      this.known = await this.editor.link.ask("expression.words", {});
    } catch {
      return; // asked again when the line is back
    }
  }

  #attach(input, kind, node) {
    const result = el("div", "fx-result", { "data-testid": "expression-result", role: "status", hidden: true });
    const list = el("div", "fx-list", { role: "listbox", hidden: true, "data-testid": "completions" });
    const help = { input, kind, node, result, list, chosen: -1, items: [], asked: 0 };
    // the field is put into the page after this
    queueMicrotask(() => (input.closest(".fe-row") ?? input).after(list, result));
    input.setAttribute("aria-autocomplete", "list");
    input.addEventListener("focus", () => this.#ask(help));
    input.addEventListener("input", () => (this.#offer(help), this.#soon(help)));
    input.addEventListener("keydown", (event) => this.#key(help, event), true);
    // what is wrong with a text that was left stands at its field by lint
    input.addEventListener("blur", () => (list.hidden = result.hidden = true));
  }

  /** The newest message that came to the node, from the running flow or else from the last sample. */
  #message(node) {
    const { values, samples } = this.editor;
    return values?.newestInto(node) ?? samples?.newestInto(node) ?? null;
  }

  #offer(help) {
    const { input, kind, list } = help;
    const at = wordAt(input.value, input.selectionStart ?? input.value.length, kind.template);
    const paths = pathsOf(this.#message(help.node)?.payload);
    help.items = at && at.word ? completions(at.word, { ...this.known, paths }) : [];
    help.chosen = -1;
    list.hidden = !help.items.length;
    list.replaceChildren(...help.items.map((item, index) => {
      const line = el("div", "fx-item", { role: "option", "data-kind": item.kind }, el("span", "fe-mono", {}, item.text), el("span", "fx-detail", {}, item.detail));
      line.addEventListener("mousedown", (event) => (event.preventDefault(), this.#take(help, index)));
      return line;
    }));
  }

  #key(help, event) {
    if (event.ctrlKey && event.key === " ") return (event.preventDefault(), this.#offer(help));
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
    const { text } = help.items[index];
    input.setRangeText(text, at.start, cursor, "end");
    list.hidden = true;
    input.focus();
    this.#soon(help);
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
    let found;
    try {
      found = await this.editor.link.ask("expression", { text, message, template: Boolean(kind.template) });
    } catch {
      return; // lint says it at the latest
    }
    if (mine === help.asked && document.activeElement === input) this.#show(result, text, found, message);
  }

  #show(result, text, found, message) {
    const { words } = this.editor;
    result.hidden = false;
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
