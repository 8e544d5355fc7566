// The menu of a right click, a long press or the menu key: the commands there are, at what was pressed.
import { addNote } from "./annotate.js";
import { COMMANDS } from "./commands.js";
import { fromClipboard, toClipboard } from "./copying.js";
import { el } from "./dom.js";
import { wireSpot } from "./geometry.js";
import { keyName } from "./keysheet.js";

const LISTS = {
  node: [["open", "send_now", "rename"], ["wire", "frame", "leave_frame", "disable"], ["copy", "cut", "duplicate"], ["delete_join", "delete"]],
  several: [["frame", "leave_frame", "disable"], ["copy", "cut", "duplicate"], ["fit_selected"], ["delete_join", "delete"]],
  wire: [["insert", "wire"], ["delete"]],
  note: [["rename"], ["copy", "cut", "duplicate"], ["delete"]],
  group: [["rename", "duplicate"], ["leave_frame"]],
  ground: [["quick_add", "note", "paste"], ["select_all", "auto_layout", "fit"], ["search", "keys"]],
};

/** What a menu does otherwise than the key: at the spot that was pressed, or by the clipboard without a key press. */
const HERE = {
  quick_add: (editor, spot) => editor.quickAdd(spot),
  note: (editor, spot) => addNote(editor, spot),
  insert: (editor, spot) => editor.quickAdd(spot, null, editor.wire),
  copy: (editor) => toClipboard(editor),
  cut: async (editor) => (await toClipboard(editor)) && editor.remove(),
  paste: (editor, spot) => fromClipboard(editor, spot),
};

export class ContextMenu {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    editor.on("menu", (asked) => this.open(asked));
  }

  /** `asked`: a spot of the plane with the node, note or frame there; none of it: the menu of what is selected. */
  open(asked) {
    const { editor } = this;
    this.close();
    if (!editor.draft.ready) return;
    if (asked) point(editor, asked);
    this.spot = asked?.spot ?? besideSelected(editor);
    const kind = kindOf(editor);
    const groups = LISTS[kind].map((names) => names.filter((name) => offered(editor, name))).filter((names) => names.length);
    this.root = el("div", "fe-menu fe-over", { role: "menu", "aria-label": editor.words.menu, "data-testid": "menu", onkeydown: (event) => this.#key(event) });
    for (const names of groups) this.root.append(el("div", "fe-menu-part", { role: "group" }, ...names.map((name) => this.#item(kind, name))));
    editor.frame.append(this.root);
    this.#stand();
    const { root } = this;
    root.addEventListener("focusout", (event) => root === this.root && !root.contains(event.relatedTarget) && this.close());
    root.querySelector("button").focus({ preventScroll: true });
  }

  close() {
    const { root } = this;
    this.root = null;
    root?.remove();
  }

  #item(kind, name) {
    const { words } = this.editor;
    const [key] = COMMANDS.find((command) => command.name === name)?.keys ?? [];
    const label = words[`menu_${kind}_${name}`] ?? words[`menu_${name}`] ?? words[`do_${name}`];
    return el(
      "button", "fe-menu-item", { type: "button", role: "menuitem", tabindex: "-1", "data-command": name, onclick: (event) => this.#run(name, event) },
      el("span", "", {}, label), key ? el("kbd", "", {}, keyName(key)) : null,
    );
  }

  #run(name, event) {
    const { editor, spot } = this;
    this.close();
    editor.frame.focus({ preventScroll: true });
    if (HERE[name]) HERE[name](editor, spot);
    else COMMANDS.find((command) => command.name === name).run(editor, event);
  }

  /** Where it was asked for, within the frame. */
  #stand() {
    const { root, spot, editor } = this;
    const { camera } = editor.view;
    const { clientWidth: width, clientHeight: height } = editor.frame;
    const left = Math.max(8, Math.min(spot[0] * camera.k + camera.x, width - root.offsetWidth - 8));
    const top = Math.max(8, Math.min(spot[1] * camera.k + camera.y, height - root.offsetHeight - 8));
    Object.assign(root.style, { left: `${Math.round(left)}px`, top: `${Math.round(top)}px` });
  }

  #key(event) {
    event.stopPropagation();
    const items = [...this.root.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (next !== undefined) items.at(next % items.length).focus();
    else if (event.key === "Escape" || event.key === "Tab") {
      this.close();
      this.editor.frame.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
  }
}

/** Select what was pressed, if it is not selected yet. */
function point(editor, { spot, node, extra }) {
  const wire = node || extra ? null : editor.scene.wireAt(spot, editor.view.camera.k);
  if (node) editor.selected.has(node) || editor.select([node]);
  else if (extra) editor.extras.has(extra) || editor.select([], [extra]);
  else if (wire) editor.selectWire(wire.text);
  else editor.select([]);
}

function kindOf({ wire, selected, extras }) {
  const count = selected.size + extras.size;
  if (wire) return "wire";
  if (count > 1) return "several";
  if (!count) return "ground";
  return selected.size ? "node" : [...extras][0].split(":")[0];
}

/** Whether a command is of use here: nothing that this person or this node may not do. */
function offered(editor, name) {
  const { scene, selected, extras, mayEdit } = editor;
  const [id] = selected;
  const command = COMMANDS.find((one) => one.name === name);
  if (!mayEdit && !command?.look) return false;
  if (name === "send_now") return editor.maySend && Boolean(editor.types[scene.nodes.get(id)?.node.type]?.by_hand);
  if (name === "leave_frame") return [...extras].some((key) => key.startsWith("group:")) || [...selected].some((one) => scene.frameOf(one));
  return true;
}

function besideSelected({ scene, view, wire, selected, extras }) {
  const [id] = selected;
  const [key] = extras;
  const found = scene.nodes.get(id) ?? (key ? scene.extra(key) : null);
  if (found) return [found.x + 24, found.y + 40];
  const line = scene.wires.get(wire);
  return line ? wireSpot(line.from, line.to, 0.5) : view.camera.toPlane(view.camera.middle());
}
