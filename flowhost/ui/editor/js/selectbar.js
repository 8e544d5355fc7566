// Buttons for what is selected, above it: the same commands the keyboard has, for those who do not know the keys yet.
import { COMMANDS } from "./commands.js";
import { iconButton, el } from "./dom.js";
import { barPlace } from "./barplace.js";
import { around, overlap } from "./geometry.js";
import { keyName } from "./keysheet.js";

export const ICONS = {
  copy: "file_copy", wire: "trending_flat", disable: "block", duplicate: "content_copy", frame: "select_all", leave_frame: "deselect", delete: "delete_outline",
  delete_join: "link", align_left: "align_horizontal_left", align_center: "align_horizontal_center", align_right: "align_horizontal_right",
  align_top: "align_vertical_top", align_middle: "align_vertical_center", align_bottom: "align_vertical_bottom",
  distribute_x: "horizontal_distribute", distribute_y: "vertical_distribute", rename: "edit",
};
const ONE = ["wire", "disable", "duplicate", "delete_join", "delete"];
const SEVERAL = ["align_left", "align_center", "align_right", "align_top", "align_middle", "align_bottom", "distribute_x", "distribute_y", "frame", "disable", "duplicate", "delete"];
const NOTE = ["rename", "duplicate", "delete"];
const FRAME = ["rename", "duplicate", "leave_frame"];
const WIRE = ["wire", "delete"];

const NEAR = 240; // pixels of the screen that may matter
const BELOW = ".fe-hand-pill:not([hidden]), .fe-fault:not([hidden])";
const HANGS = 36; // height of what hangs below a card
const TAG = 22; // height of the name above a card that somebody else edits

export class SelectBar {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.root = el("div", "fe-select-bar fe-over", { role: "toolbar", "aria-label": editor.words.select_bar, hidden: true, "data-testid": "select-bar" });
    editor.frame.append(this.root);
    editor.on("select", () => this.#show());
    editor.on("people", () => this.#place());
    editor.view.moved.push(() => this.#place());
  }

  #show() {
    const { editor } = this;
    const names = editor.mayEdit ? this.#names() : [];
    const shown = names.join();
    if (shown !== this.shown) {
      this.shown = shown;
      this.root.replaceChildren(...names.map((name) => this.#button(name)));
    }
    this.#place();
  }

  #names() {
    const { selected, extras, wire } = this.editor;
    if (wire) return WIRE;
    const count = selected.size + extras.size;
    if (count > 1) return SEVERAL.filter((name) => count > 2 || !name.startsWith("distribute"));
    if (!count) return [];
    if (selected.size) return ONE;
    return [...extras][0].startsWith("note:") ? NOTE : FRAME;
  }

  #button(name) {
    const { editor } = this;
    const command = COMMANDS.find((one) => one.name === name);
    const label = `${editor.words[`do_${name}`]} (${keyName(command.keys[0])})`;
    return iconButton(ICONS[name], label, (event) => {
      editor.frame.focus({ preventScroll: true });
      command.run(editor, event);
    }, { "data-command": name });
  }

  /** Beside what is selected, on no other node, within the frame; not while it is dragged. */
  #place() {
    const { editor, root } = this;
    const box = this.shown && !editor.gestures?.busy ? this.#box() : null;
    const seen = box && this.#onScreen(box);
    const { clientWidth: width, clientHeight: height } = editor.frame;
    root.hidden = !seen || !overlap(seen, [0, 0, width, height]);
    if (root.hidden) return;
    const [left, top] = barPlace(seen, [root.offsetWidth, root.offsetHeight], [width, height], this.#others(box));
    root.style.left = `${Math.round(left)}px`;
    root.style.top = `${Math.round(top)}px`;
  }

  #onScreen([left, top, w, h]) {
    const { x, y, k } = this.editor.view.camera;
    return [left * k + x, top * k + y, w * k, h * k];
  }

  /** Nodes nearby, with what hangs below them and the names above. */
  #others([x, y, w, h]) {
    const { scene, view, selected } = this.editor;
    const reach = [NEAR / view.camera.k, NEAR / view.camera.k];
    const near = [x - reach[0], y - reach[1], w + 2 * reach[0], h + 2 * reach[1]];
    const found = [];
    for (const [id, { item, root }] of view.cards) {
      const below = root.querySelector(BELOW) ? HANGS : 0;
      const above = root.dataset.other ? TAG : 0;
      const whole = [item.x, item.y - above, item.w, item.h + above + below];
      if (overlap(near, whole) && (above || below || !selected.has(id)) && scene.nodes.has(id)) found.push(this.#onScreen(whole));
    }
    return found;
  }

  #box() {
    const { scene, selected, extras, wire } = this.editor;
    if (wire) {
      const found = scene.wires.get(wire);
      return found ? [(found.from[0] + found.to[0]) / 2 - 40, (found.from[1] + found.to[1]) / 2 - 12, 80, 24] : null;
    }
    const boxes = [...scene.boxes(selected).values(), ...[...extras].map((key) => scene.extra(key)).filter(Boolean).map(({ x, y, w, h }) => [x, y, w, h])];
    return around(boxes);
  }
}
