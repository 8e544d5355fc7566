// The list at the cursor: type a few letters, Enter puts the node there, wired if it began at a loose wire.
import { el, icon } from "./dom.js";
import { findTypes, fits, recentTypes } from "./finder.js";

const WIDTH = 300;
const HEIGHT = 380;

export class QuickAdd {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    editor.on("quickadd", (asked) => this.open(asked));
  }

  open({ spot, wired, splice }) {
    this.close();
    const { words, frame, view } = this.editor;
    Object.assign(this, { spot, wired, splice, at: 0 });
    this.input = el("input", "fh-input fe-search", {
      type: "search", placeholder: words.quick_placeholder, "aria-label": words.quick_placeholder, role: "combobox", "aria-expanded": "true",
      "aria-controls": "fe-quick-list", "data-testid": "quick-input", oninput: () => this.#fill(), onkeydown: (event) => this.#key(event),
    });
    // the field keeps the focus while the list is scrolled or pressed: without it the list closes
    const still = (event) => event.preventDefault();
    this.list = el("ul", "fe-quick-list", { role: "listbox", id: "fe-quick-list", "aria-label": words.quick_placeholder, onmousedown: still });
    this.root = el("div", "fe-quick fe-over", { "data-testid": "quick-add" }, this.input, this.list);
    const { x, y, k } = view.camera;
    const left = Math.min(Math.max(8, spot[0] * k + x), frame.clientWidth - WIDTH - 8);
    const top = Math.min(Math.max(8, spot[1] * k + y), Math.max(8, frame.clientHeight - HEIGHT - 8));
    Object.assign(this.root.style, { left: `${left}px`, top: `${top}px`, width: `${WIDTH}px` });
    frame.append(this.root);
    this.#fill();
    this.input.focus();
    const { root } = this;
    root.addEventListener("focusout", (event) => root === this.root && !root.contains(event.relatedTarget) && this.close());
  }

  close() {
    const { root } = this;
    this.root = null;
    root?.remove();
  }

  #fill() {
    const types = Object.values(this.editor.types).filter((type) => (this.splice ? type.kind === "transform" : fits(type, this.wired)));
    const recent = recentTypes();
    const order = (type) => (recent.includes(type.type) ? recent.indexOf(type.type) : recent.length);
    const words = this.input.value.trim();
    this.found = words ? findTypes(types, words) : types.toSorted((a, b) => order(a) - order(b));
    this.at = 0;
    this.#draw();
  }

  #draw() {
    const items = this.found.map((type, index) => {
      const item = el(
        "li", "fe-quick-item",
        { role: "option", id: `fe-quick-${index}`, "data-type": type.type, "data-testid": "quick-item" },
        icon(type.icon, "fe-item-icon"), el("span", "fe-item-title", {}, type.title), el("span", "fe-quick-summary", {}, type.summary),
      );
      item.addEventListener("click", () => this.#take(type));
      return item;
    });
    const none = el("li", "fe-none", {}, this.editor.words.palette_nothing.replace("{words}", this.input.value.trim()));
    this.list.replaceChildren(...(items.length ? items : [none]));
    this.list.scrollTop = 0;
    this.#mark();
  }

  #mark() {
    const items = [...this.list.querySelectorAll("[role=option]")];
    for (const [index, item] of items.entries()) item.setAttribute("aria-selected", String(index === this.at));
    items[this.at]?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", items[this.at]?.id ?? "");
  }

  #key(event) {
    const count = this.found.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.at = count ? (this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count : 0;
      this.#mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (count) this.#take(this.found[this.at]);
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      this.close();
      this.editor.frame.focus();
    }
    event.stopPropagation();
  }

  #take(type) {
    const { spot, wired, splice } = this;
    this.close();
    const at = wired && !wired.forwards ? [spot[0] - 200, spot[1]] : spot;
    this.editor.add(type.type, at, { wired, splice });
    this.editor.frame.focus();
  }
}
