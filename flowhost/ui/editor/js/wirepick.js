// Wires by keyboard: from the selected node to one that may take them, found by typing; or the selected wire elsewhere.
import { el, icon } from "./dom.js";
import { inputSpot, outputSpot } from "./geometry.js";
import { reasonsAgainst, wireTo } from "./legal.js";

const SHOWN = 10;
const WIDTH = 300;
const HEIGHT = 330;

/** Select a wire of the selected node, then its next one. */
export function nextWire(editor) {
  const id = editor.wire ? editor.anchor : [...editor.selected][0];
  const all = [...editor.scene.wires.values()];
  const own = [...all.filter((wire) => wire.source === id), ...all.filter((wire) => wire.target === id)];
  if (!own.length) return editor.tell(editor.words.wire_none);
  const at = own.findIndex((wire) => wire.text === editor.wire);
  return editor.selectWire(own[(at + 1) % own.length].text, id);
}

export class WirePick {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    editor.on("wirepick", () => this.open());
  }

  /** Begin at the selected node, or lead the selected wire elsewhere. */
  open() {
    const { editor } = this;
    const { words, scene } = editor;
    this.close();
    this.taken = scene.wires.get(editor.wire) ?? null;
    this.id = this.taken?.source ?? [...editor.selected][0];
    const item = scene.nodes.get(this.id);
    if (!item || editor.selected.size > 1) return editor.tell(words.wire_pick_first);
    this.ports = this.taken ? [this.taken.port] : [...item.ports, "error"];
    const used = new Set([...scene.wires.values()].filter((wire) => wire.source === this.id).map((wire) => wire.port));
    this.port = Math.max(0, this.ports.findIndex((port) => port !== "error" && !used.has(port)));
    this.input = el("input", "fh-input fe-search", {
      type: "search", placeholder: words.wire_to, "aria-label": words.wire_to, role: "combobox", "aria-expanded": "true", "aria-controls": "fe-pick-list",
      "data-testid": "wire-input", oninput: () => this.#fill(), onkeydown: (event) => this.#key(event),
    });
    this.from = el("div", "fe-pick-ports", { "data-testid": "wire-ports" });
    this.list = el("ul", "fe-quick-list", { role: "listbox", id: "fe-pick-list", "aria-label": words.wire_to });
    this.root = el("div", "fe-quick fe-over", { "data-testid": "wire-pick" }, this.from, this.input, this.list);
    this.#stand(item);
    editor.frame.append(this.root);
    this.#choosePort(0);
    this.input.focus();
    const { root } = this;
    root.addEventListener("focusout", (event) => root === this.root && !root.contains(event.relatedTarget) && this.close());
  }

  close() {
    const { root } = this;
    if (!root) return;
    this.root = null;
    root.remove();
    this.editor.view.drawLoose(null);
    this.editor.view.mark({ targets: null });
    this.editor.hideWire(null);
  }

  #stand({ x, y, h }) {
    const { frame, view } = this.editor;
    const { camera } = view;
    const left = Math.min(Math.max(8, x * camera.k + camera.x), frame.clientWidth - WIDTH - 8);
    const top = Math.min((y + h) * camera.k + camera.y + 12, Math.max(8, frame.clientHeight - HEIGHT - 8));
    Object.assign(this.root.style, { left: `${left}px`, top: `${top}px`, width: `${WIDTH}px` });
  }

  #choosePort(step) {
    const { editor } = this;
    this.port = (this.port + step + this.ports.length) % this.ports.length;
    this.end = { id: this.id, port: this.ports[this.port], forwards: true };
    const reasons = reasonsAgainst(editor.scene, editor.words, this.end, this.taken);
    const here = editor.scene.nodes.get(this.id);
    // what stands to the right and near comes first
    const far = ({ x, y }) => Math.hypot(x - here.x, 2 * (y - here.y)) + (x < here.x ? 2000 : 0);
    this.possible = [...editor.scene.nodes.values()].filter(({ id }) => !reasons(id)).sort((a, b) => far(a) - far(b));
    editor.view.mark({ targets: new Set(this.possible.map(({ id }) => id)) });
    const chip = (port, index) => el("span", "fe-pick-port", { "aria-current": String(index === this.port), "data-port": port }, port);
    this.from.replaceChildren(el("span", "fe-pick-from", {}, editor.scene.titleOf(this.id)), ...this.ports.map(chip));
    if (this.ports.length > 1) this.from.append(el("kbd", "", { title: editor.words.wire_port_key }, "Tab"));
    this.#fill();
  }

  #fill() {
    const words = this.input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ id, node }) => words.every((word) => `${id} ${node.name ?? ""} ${node.type}`.toLowerCase().includes(word));
    this.found = this.possible.filter(fits).slice(0, SHOWN);
    this.at = 0;
    this.#draw();
  }

  #draw() {
    const { editor } = this;
    const items = this.found.map(({ id, node }, index) => {
      const item = el(
        "li", "fe-quick-item", { role: "option", id: `fe-pick-${index}`, "aria-selected": String(index === this.at), "data-node": id, "data-testid": "wire-item" },
        icon(editor.types[node.type]?.icon ?? "extension_off", "fe-item-icon"), el("span", "fe-item-title", {}, node.name || id), el("span", "fe-quick-summary", {}, node.type),
      );
      item.addEventListener("pointerdown", (event) => (event.preventDefault(), this.#take(id)));
      return item;
    });
    this.list.replaceChildren(...(items.length ? items : [el("li", "fe-none", {}, this.possible.length ? editor.words.search_nothing : editor.words.wire_nowhere)]));
    this.input.setAttribute("aria-activedescendant", items.length ? `fe-pick-${this.at}` : "");
    this.#show();
  }

  /** The wire as it would be. */
  #show() {
    const { scene, view } = this.editor;
    const target = this.found[this.at];
    const { x, y, ports } = scene.nodes.get(this.id);
    if (this.taken) this.editor.hideWire(this.taken.text);
    if (!target) return view.drawLoose(null);
    view.camera.reveal(scene.box(target.id));
    return view.drawLoose(outputSpot([x, y], ports, this.end.port), inputSpot([target.x, target.y]));
  }

  #key(event) {
    const count = this.found.length;
    event.stopPropagation();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.at = count ? (this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count : 0;
      this.#draw();
    } else if (event.key === "Tab") {
      event.preventDefault();
      this.#choosePort(event.shiftKey ? -1 : 1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (count) this.#take(this.found[this.at].id);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.close();
      this.editor.frame.focus();
    }
  }

  #take(id) {
    const { editor, taken, end } = this;
    this.close();
    editor.frame.focus();
    const wire = wireTo(editor.scene, end, id);
    if (wire === taken?.text) return;
    const off = taken ? [{ op: "del_wire", wire: taken.text }] : [];
    if (editor.commit([...off, { op: "add_wire", wire }], "wire") && taken) editor.selectWire(wire, end.id);
  }
}
