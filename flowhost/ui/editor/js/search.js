// Find a node of this flow by name, id, type, or anything in its config.
import { el, icon } from "./dom.js";

const SHOWN = 12;

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
    this.list = el("ul", "fe-quick-list", { role: "listbox" });
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
    const { nodes } = this.editor.draft.doc;
    const fits = ([id, node]) => !words || `${id} ${node.name ?? ""} ${node.type} ${JSON.stringify(node.config ?? {})}`.toLowerCase().includes(words);
    this.found = Object.entries(nodes).filter(fits).slice(0, SHOWN);
    this.at = 0;
    this.#draw();
  }

  #draw() {
    const items = this.found.map(([id, node], index) => {
      const item = el(
        "li", "fe-quick-item", { role: "option", "aria-selected": String(index === this.at), "data-node": id, "data-testid": "search-item" },
        icon(this.editor.types[node.type]?.icon ?? "extension_off", "fe-item-icon"), el("span", "fe-item-title", {}, node.name || id),
        el("span", "fe-quick-summary", {}, `${id} · ${node.type}`),
      );
      item.addEventListener("pointerdown", (event) => (event.preventDefault(), this.#take(id)));
      return item;
    });
    this.list.replaceChildren(...(items.length ? items : [el("li", "fe-none", {}, this.editor.words.search_nothing)]));
  }

  #key(event) {
    event.stopPropagation();
    const count = this.found.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.at = count ? (this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count : 0;
      this.#draw();
    } else if (event.key === "Enter" && count) this.#take(this.found[this.at][0]);
    else if (event.key === "Escape") {
      this.#close();
      this.editor.frame.focus();
    }
  }

  #take(id) {
    this.#close();
    this.editor.frame.focus();
    this.editor.jump(id);
  }
}
