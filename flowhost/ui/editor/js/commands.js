// Everything the keyboard and the menus can do, by name; the sheet of keys is made from this list.
import { bindClipboard } from "./copying.js";
import { inField } from "./dom.js";
import { around } from "./geometry.js";
import { aligned, arrangeAll, distributed, nudge, travel } from "./arranging.js";
import { addNote, frameSelected, leaveFrames, writeSelected } from "./annotate.js";
import { nextWire } from "./wirepick.js";
import { sendSelected } from "./byhand.js";

const CHOICES = ".fe-panel :is(select, input[type=checkbox])";
const STEP = 8;
const LEAP = 40;

/** @type {{name: string, keys: string[], group: string, run: (editor: any, event: KeyboardEvent) => unknown, look?: boolean, native?: boolean}[]} */
export const COMMANDS = [
  { name: "quick_add", keys: ["Tab", "a"], group: "add", run: (e) => e.quickAdd(besideSelection(e), looseEnd(e)) },
  { name: "wire", keys: ["w"], group: "add", run: (e) => e.emit("wirepick") },
  { name: "next_wire", keys: ["Shift+w"], group: "select", run: nextWire, look: true },
  { name: "note", keys: ["n"], group: "add", run: addNote },
  { name: "frame", keys: ["g"], group: "add", run: frameSelected },
  { name: "leave_frame", keys: ["Shift+g"], group: "edit", run: leaveFrames },
  { name: "delete", keys: ["Delete", "Backspace"], group: "edit", run: (e) => e.remove() },
  { name: "delete_join", keys: ["Mod+Delete", "Mod+Backspace"], group: "edit", run: (e) => e.remove({ join: true }) },
  { name: "undo", keys: ["Mod+z"], group: "edit", run: (e) => e.undo() },
  { name: "redo", keys: ["Mod+Shift+z", "Mod+y"], group: "edit", run: (e) => e.redo() },
  // the browser's own copy, cut and paste: see bindClipboard
  { name: "copy", keys: ["Mod+c"], group: "edit", run: () => {}, look: true, native: true },
  { name: "cut", keys: ["Mod+x"], group: "edit", run: () => {}, native: true },
  { name: "paste", keys: ["Mod+v"], group: "edit", run: () => {}, native: true },
  { name: "duplicate", keys: ["Mod+d"], group: "edit", run: duplicate },
  { name: "disable", keys: ["d"], group: "edit", run: disable },
  { name: "rename", keys: ["F2"], group: "edit", run: (e) => writeSelected(e) || e.emit("rename", first(e)) },
  { name: "open", keys: ["Enter"], group: "edit", run: (e) => (first(e) ? (e.select([first(e)]), e.open(first(e)), e.emit("focusform")) : e.mayEdit && writeSelected(e)), look: true },
  { name: "select_all", keys: ["Mod+a"], group: "select", run: (e) => e.select(e.scene.nodes.keys(), [...e.scene.notes.keys()].map((id) => `note:${id}`)), look: true },
  { name: "select_none", keys: ["Escape"], group: "select", run: (e) => e.gestures.cancel() || (e.select([]), e.open(null)), look: true },
  { name: "go_right", keys: ["ArrowRight"], group: "select", run: (e) => travel(e, "x", 1), look: true },
  { name: "go_left", keys: ["ArrowLeft"], group: "select", run: (e) => travel(e, "x", -1), look: true },
  { name: "go_down", keys: ["ArrowDown"], group: "select", run: (e) => travel(e, "y", 1), look: true },
  { name: "go_up", keys: ["ArrowUp"], group: "select", run: (e) => travel(e, "y", -1), look: true },
  { name: "move_right", keys: ["Alt+ArrowRight"], group: "arrange", run: (e) => nudge(e, STEP, 0) },
  { name: "move_left", keys: ["Alt+ArrowLeft"], group: "arrange", run: (e) => nudge(e, -STEP, 0) },
  { name: "move_down", keys: ["Alt+ArrowDown"], group: "arrange", run: (e) => nudge(e, 0, STEP) },
  { name: "move_up", keys: ["Alt+ArrowUp"], group: "arrange", run: (e) => nudge(e, 0, -STEP) },
  { name: "leap_right", keys: ["Alt+Shift+ArrowRight"], group: "arrange", run: (e) => nudge(e, LEAP, 0) },
  { name: "leap_left", keys: ["Alt+Shift+ArrowLeft"], group: "arrange", run: (e) => nudge(e, -LEAP, 0) },
  { name: "leap_down", keys: ["Alt+Shift+ArrowDown"], group: "arrange", run: (e) => nudge(e, 0, LEAP) },
  { name: "leap_up", keys: ["Alt+Shift+ArrowUp"], group: "arrange", run: (e) => nudge(e, 0, -LEAP) },
  { name: "align_left", keys: ["Shift+l"], group: "arrange", run: (e) => aligned(e, "left") },
  { name: "align_center", keys: ["Shift+c"], group: "arrange", run: (e) => aligned(e, "center") },
  { name: "align_right", keys: ["Shift+r"], group: "arrange", run: (e) => aligned(e, "right") },
  { name: "align_top", keys: ["Shift+t"], group: "arrange", run: (e) => aligned(e, "top") },
  { name: "align_middle", keys: ["Shift+m"], group: "arrange", run: (e) => aligned(e, "middle") },
  { name: "align_bottom", keys: ["Shift+b"], group: "arrange", run: (e) => aligned(e, "bottom") },
  { name: "distribute_x", keys: ["Shift+h"], group: "arrange", run: (e) => distributed(e, "x") },
  { name: "distribute_y", keys: ["Shift+v"], group: "arrange", run: (e) => distributed(e, "y") },
  { name: "auto_layout", keys: ["Shift+a"], group: "arrange", run: arrangeAll },
  { name: "zoom_in", keys: ["+", "="], group: "look", run: (e) => e.view.camera.zoom(1.25), look: true },
  { name: "zoom_out", keys: ["-"], group: "look", run: (e) => e.view.camera.zoom(0.8), look: true },
  { name: "fit", keys: ["0", "f"], group: "look", run: (e) => e.view.fit(), look: true },
  { name: "fit_selected", keys: ["Shift+f"], group: "look", run: (e) => e.selected.size && e.view.fit(e.selected), look: true },
  { name: "search", keys: ["Mod+f", "/"], group: "look", run: (e) => e.emit("search"), look: true },
  { name: "yaml", keys: ["y"], group: "look", run: (e) => e.emit("yaml"), look: true },
  { name: "deploy", keys: ["Mod+Enter"], group: "flow", run: (e) => e.emit("deploy") },
  { name: "send_now", keys: ["s"], group: "flow", run: sendSelected, look: true },
  { name: "keys", keys: ["?"], group: "look", run: (e) => e.emit("keys"), look: true },
];

/** Also from a field, where that has nothing of its own to take back. */
const TAKE_BACK = new Set(["undo", "redo"]);

/** Let keys run commands while the person is not typing in a field, also when nothing has the focus. */
export function bindKeys(editor, root) {
  const byKey = new Map(COMMANDS.flatMap((command) => command.keys.map((key) => [key, command])));
  const listeners = new AbortController();
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || busyElsewhere() || !(root.contains(event.target) || event.target.contains(root))) return;
      const command = byKey.get(keyOf(event));
      if (inField(event.target) ? !TAKE_BACK.has(command?.name) || typedInto(event.target) : event.target.closest?.("dialog, [role=menu], [role=listbox]")) return;
      if (event.target.closest?.("button, a") && ["Enter", "Tab"].includes(event.key)) return;
      if (!command || command.native || (!command.look && !editor.mayEdit) || !editor.draft.ready) return;
      // Tab leaves the canvas where there is nothing to add to
      if (event.key === "Tab" && document.activeElement !== editor.frame) return;
      event.preventDefault();
      command.run(editor, event);
    },
    { signal: listeners.signal },
  );
  document.addEventListener("keydown", (event) => save(editor, event), { signal: listeners.signal, capture: true });
  bindClipboard(editor, listeners.signal);
  return () => listeners.abort();
}

/** Never the browser's own dialog, also while a field is typed in; the YAML applies its text by it. */
function save(editor, event) {
  if (keyOf(event) !== "Mod+s") return;
  event.preventDefault();
  if (busyElsewhere() || event.target.closest?.(".fe-yaml") || !editor.mayEdit || !editor.draft.ready) return;
  event.stopPropagation();
  editor.emit("deploy");
}

/** Whether a field holds more than it did when it was shown, or keeps steps of its own. */
function typedInto(field) {
  return !field.matches(CHOICES) && field.value !== field.dataset.before;
}

function busyElsewhere() {
  return Boolean(document.querySelector("dialog[open], .q-dialog"));
}

/** A key press as written in the list: `Mod` is Ctrl, on a Mac the command key. */
export function keyOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const letter = /^[a-z]$/.test(key);
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("Mod");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey && (letter || key.length > 1)) parts.push("Shift");
  return [...parts, key].join("+");
}

function first(editor) {
  return [...editor.selected].at(0) ?? null;
}

/** Where a node added by key goes: behind the selected one, else in the middle of what is seen. */
function besideSelection(editor) {
  const id = first(editor);
  const { x, y, w } = editor.scene.nodes.get(id) ?? {};
  const free = id ? [x + w + 104, y + 26] : editor.view.camera.toPlane(editor.view.camera.middle());
  while (editor.scene.within([free[0], free[1] - 26, w, 82]).length) free[1] += 120;
  return free;
}

/** A node added by key is wired behind the selected one, where that gives messages. */
function looseEnd(editor) {
  const id = editor.selected.size === 1 ? first(editor) : null;
  if (!id || !editor.scene.nodes.get(id).ports.length) return null;
  const { ports } = editor.scene.nodes.get(id);
  const taken = new Set([...editor.scene.wires.values()].filter((wire) => wire.source === id).map((wire) => wire.port));
  return { id, port: ports.find((port) => !taken.has(port)) ?? ports[0], forwards: true };
}

export function duplicate(editor) {
  const bounds = around([...editor.scene.things(editor.selected, editor.extras).values()]);
  if (bounds) editor.paste(editor.copy(), [bounds[0] + bounds[2] / 2 + 40, bounds[1] + bounds[3] / 2 + 40]);
}

/** From taking part to blocking, to letting through, and back. */
export function disable(editor) {
  const ops = [...editor.selected].map((id) => {
    const path = ["nodes", id, "disabled"];
    const now = editor.draft.doc.nodes[id].disabled;
    const passes = editor.scene.kindOf(id) === "transform";
    if (!now) return { op: "set", path, value: "block" };
    return now === "block" && passes ? { op: "set", path, value: "pass" } : { op: "unset", path };
  });
  editor.commit(ops, "disable");
}
