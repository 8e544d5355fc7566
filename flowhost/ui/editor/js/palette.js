// The list of node types at the left: search, categories, recent; drag, double-click or Enter puts one on the canvas.
import { el, icon } from "./dom.js";
import { byCategory, findTypes, recentTypes } from "./finder.js";
import { roving } from "./roving.js";

const DRAG_TYPE = "application/x-flowhost-node";
const STOPS = ".fe-category, .fe-item";

export class Palette {
  /** @param {HTMLElement} root @param {import("./editor.js").Editor} editor */
  constructor(root, editor, categories) {
    Object.assign(this, { root, editor, categories });
    const { words } = editor;
    this.search = el("input", "fh-input fe-search", {
      type: "search", placeholder: words.palette_search, "aria-label": words.palette_search, "data-testid": "palette-search",
      oninput: () => this.#fill(), onkeydown: (event) => this.#key(event),
    });
    this.list = el("div", "fe-palette-list", { role: "toolbar", "aria-orientation": "vertical", "aria-label": words.palette, onkeydown: (event) => this.#key(event) });
    root.append(el("div", "fe-palette-head", {}, this.search), this.list);
    this.closed = new Set();
    this.settle = roving(this.list, STOPS, "down", () => this.search.focus());
    this.#fill();
    this.#bindRecent();
    this.#bindDrop(editor.frame);
  }

  #fill() {
    this.#list();
    this.settle();
  }

  #list() {
    const types = Object.values(this.editor.types);
    const words = this.search.value.trim();
    const found = findTypes(types, words);
    if (words) {
      this.list.replaceChildren(...(found.length ? found.map((type) => this.#item(type)) : [this.#nothing(words)]));
      return;
    }
    const recent = recentTypes().map((id) => this.editor.types[id]).filter(Boolean);
    const groups = recent.length ? [["recent", recent], ...byCategory(found, this.categories)] : byCategory(found, this.categories);
    this.list.replaceChildren(...groups.flatMap(([name, members]) => this.#group(name, members)));
  }

  #nothing(words) {
    return el("p", "fe-none", {}, this.editor.words.palette_nothing.replace("{words}", words));
  }

  #group(name, members) {
    const open = !this.closed.has(name);
    const toggle = () => {
      if (!this.closed.delete(name)) this.closed.add(name);
      this.#fill();
      this.list.querySelector(`[data-category="${CSS.escape(name)}"]`).focus();
    };
    const title = this.editor.words[`category_${name}`] ?? name;
    const head = el("button", "fe-category", { type: "button", "data-category": name, "aria-expanded": String(open), onclick: toggle }, icon(open ? "expand_more" : "chevron_right"), title);
    return open ? [head, ...members.map((type) => this.#item(type))] : [head];
  }

  #item(type) {
    const item = el(
      "div", "fe-item",
      { "data-testid": "palette-item", "data-type": type.type, "data-kind": type.kind, role: "button", draggable: "true", title: `${type.summary}\n${type.type}\n${this.editor.words.palette_how}` },
      icon(type.icon, "fe-item-icon"),
      el("span", "fe-item-title", {}, type.title),
      el("span", "fe-item-kind", {}, type.kind),
    );
    let tapped = false; // a finger cannot drag from here
    item.addEventListener("click", ({ pointerType }) => ((tapped = pointerType === "touch"), tapped && this.#add(type)));
    item.addEventListener("dblclick", () => tapped || this.#add(type));
    item.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData(DRAG_TYPE, type.type);
      event.dataTransfer.effectAllowed = "copy";
      this.dragged = type;
    });
    return item;
  }

  #key(event) {
    const items = [...this.list.querySelectorAll(".fe-item")];
    const at = items.indexOf(document.activeElement);
    const searching = event.target === this.search;
    if (searching && event.key === "ArrowDown") {
      event.preventDefault();
      items[0]?.focus();
    } else if ((at >= 0 && [" ", "Enter"].includes(event.key)) || (searching && event.key === "Enter" && items.length)) {
      event.preventDefault();
      event.stopPropagation(); // Space would take hold of the canvas
      this.#add(this.editor.types[items[Math.max(at, 0)].dataset.type]);
    } else if (event.key === "Escape") {
      this.search.value = "";
      this.#fill();
      this.editor.frame.focus();
    }
  }

  #add(type) {
    const { camera } = this.editor.view;
    const spot = camera.toPlane(camera.middle());
    while (this.editor.scene.within([spot[0], spot[1] - 26, 200, 82]).length) spot[1] += 104;
    this.#place(type, spot);
  }

  #place(type, spot, splice = null) {
    if (this.editor.add(type.type, spot, { splice }) !== null) this.editor.frame.focus();
  }

  /** What was used last stands above at once, but nothing moves under a pointer: the next double-click would add another. */
  #bindRecent() {
    let over = false;
    let due = false;
    const show = () => {
      due = over;
      if (!over && !this.search.value.trim()) this.#fill();
    };
    this.list.addEventListener("pointermove", () => (over = true));
    this.list.addEventListener("pointerleave", () => {
      over = false;
      if (due) show();
    });
    this.editor.on("used", show);
  }

  #bindDrop(frame) {
    const spotOf = (event) => {
      const [x, y] = this.editor.view.camera.toPlane(this.editor.view.spot(event));
      return [x - 100, y];
    };
    const wireAt = (event) => {
      const { view, scene } = this.editor;
      const wire = this.dragged?.kind === "transform" ? scene.wireAt(view.camera.toPlane(view.spot(event)), view.camera.k / 2.5) : null;
      return wire?.text ?? null;
    };
    frame.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes(DRAG_TYPE) || !this.editor.mayEdit) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      this.editor.highlightWire(wireAt(event));
    });
    frame.addEventListener("dragleave", () => this.editor.highlightWire(null));
    frame.addEventListener("drop", (event) => {
      const type = this.editor.types[event.dataTransfer.getData(DRAG_TYPE)];
      if (!type) return;
      event.preventDefault();
      const splice = wireAt(event);
      this.editor.highlightWire(null);
      this.#place(type, spotOf(event), splice);
    });
  }
}
