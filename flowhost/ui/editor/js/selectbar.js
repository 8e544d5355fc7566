// Buttons for what is selected, above it: the same commands the keyboard has, for those who do not know the keys yet.
import { COMMANDS } from "./commands.js";
import { iconButton, el } from "./dom.js";
import { around } from "./geometry.js";
import { keyName } from "./keysheet.js";

const ICONS = {
  wire: "trending_flat", disable: "block", duplicate: "content_copy", frame: "select_all", leave_frame: "deselect", delete: "delete_outline",
  delete_join: "link", align_left: "align_horizontal_left", align_center: "align_horizontal_center", align_right: "align_horizontal_right",
  align_top: "align_vertical_top", align_middle: "align_vertical_center", align_bottom: "align_vertical_bottom",
  distribute_x: "horizontal_distribute", distribute_y: "vertical_distribute", rename: "edit",
};
const ONE = ["wire", "disable", "duplicate", "delete_join", "delete"];
const SEVERAL = ["align_left", "align_center", "align_right", "align_top", "align_middle", "align_bottom", "distribute_x", "distribute_y", "frame", "disable", "duplicate", "delete"];
const NOTE = ["rename", "duplicate", "delete"];
const FRAME = ["rename", "duplicate", "leave_frame"];
const WIRE = ["wire", "delete"];

export class SelectBar {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.root = el("div", "fe-select-bar fe-over", { role: "toolbar", "aria-label": editor.words.select_bar, hidden: true, "data-testid": "select-bar" });
    editor.frame.append(this.root);
    editor.on("select", () => this.#show());
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

  /** Above what is selected, within the frame; not while it is dragged. */
  #place() {
    const { editor, root } = this;
    const box = this.shown && !editor.gestures?.busy ? this.#box() : null;
    root.hidden = !box;
    if (!box) return;
    const { x, y, k } = editor.view.camera;
    const [left, top, w, h] = [box[0] * k + x, box[1] * k + y, box[2] * k, box[3] * k];
    const { clientWidth: width, clientHeight: height } = editor.frame;
    if (left > width || top > height || left + w < 0 || top + h < 0) {
      root.hidden = true;
      return;
    }
    const above = top - 46;
    root.style.left = `${Math.round(Math.min(Math.max(8, left), Math.max(8, width - root.offsetWidth - 8)))}px`;
    root.style.top = `${Math.round(above > 8 ? above : Math.min(top + h + 10, height - 46))}px`;
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
