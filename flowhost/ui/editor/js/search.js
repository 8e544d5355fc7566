// Finds nodes, notes and frames in this flow, then those of all others and the flows themselves.
import { el, icon } from "./dom.js";
import { below, findHere } from "./found.js";

const SHOWN = 12;
const ASK_AFTER_MS = 200;
const ICONS = { note: "sticky_note_2", frame: "select_all", flow: "account_tree" };

export class Search {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    editor.on("search", () => this.open());
  }

  open() {
    const { words, frame } = this.editor;
    this.root?.remove();
    this.at = 0;
    this.input = el("input", "fh-input fe-search", {
      type: "search", placeholder: words.search_nodes, "aria-label": words.search_nodes, "data-testid": "search-input",
      oninput: () => this.#fill(), onkeydown: (event) => this.#key(event),
    });
    // the field keeps the focus while the list is scrolled or pressed: without it the list closes
    this.list = el("ul", "fe-quick-list", { role: "listbox", onmousedown: (event) => event.preventDefault() });
    this.root = el("div", "fe-quick fe-find fe-over", {}, this.input, this.list);
    frame.append(this.root);
    const { root } = this;
    root.addEventListener("focusout", (event) => root === this.root && !root.contains(event.relatedTarget) && this.#close());
    this.#fill();
    this.input.focus();
  }

  #close() {
    const { root } = this;
    this.root = null;
    root?.remove();
  }

  #fill() {
    const words = this.input.value.trim().toLowerCase();
    this.found = findHere(this.editor.draft.doc, words).slice(0, SHOWN);
    this.at = 0;
    this.#draw();
    clearTimeout(this.timer);
    if (words.length > 1) this.timer = setTimeout(() => this.#elsewhere(words), ASK_AFTER_MS);
  }

  /** What is in other flows; the host knows them. */
  async #elsewhere(words) {
    const { editor } = this;
    let answer;
    try {
      answer = await editor.link.ask("flows.find", { words });
    } catch {
      return; // no line: what is in this flow is shown
    }
    if (!this.root || this.input.value.trim().toLowerCase() !== words) return;
    const others = answer.hits.filter((hit) => hit.flow !== editor.flow).slice(0, SHOWN);
    this.found = [...this.found.filter((hit) => !hit.flow), ...others];
    this.#draw();
  }

  #draw() {
    const { editor } = this;
    const items = this.found.map((hit, index) => {
      const item = el(
        "li", "fe-quick-item", { role: "option", id: `fe-found-${index}`, "aria-selected": String(index === this.at), "data-node": hit.node, "data-flow": hit.flow ?? editor.flow, "data-testid": "search-item" },
        icon(ICONS[hit.kind] ?? editor.types[hit.type]?.icon ?? "extension_off", "fe-item-icon"), el("span", "fe-item-title", {}, hit.title), el("span", "fe-quick-summary", {}, below(hit, editor.types, editor.words)),
      );
      item.addEventListener("click", () => this.#take(hit));
      return item;
    });
    const first = this.found.findIndex((hit) => hit.flow);
    if (first >= 0) items.splice(first, 0, el("li", "fe-search-head", { role: "presentation" }, editor.words.search_others));
    this.list.replaceChildren(...(items.length ? items : [el("li", "fe-none", {}, editor.words.search_none)]));
    this.input.setAttribute("aria-activedescendant", this.found.length ? `fe-found-${this.at}` : "");
    this.list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    event.stopPropagation();
    const count = this.found.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.at = count ? (this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count : 0;
      this.#draw();
    } else if (event.key === "Enter" && count) this.#take(this.found[this.at]);
    else if (event.key === "Escape") {
      this.#close();
      this.editor.frame.focus();
    }
  }

  #take(hit) {
    this.#close();
    this.editor.frame.focus();
    if (hit.flow) location.href = `/flows/${encodeURIComponent(hit.flow)}/edit${hit.node && `?node=${encodeURIComponent(hit.node)}`}`;
    else this.editor.jump(hit.node);
  }
}
