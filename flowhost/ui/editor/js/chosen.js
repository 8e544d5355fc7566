// The panel for what is no single node: several things at once, a note, or a frame.
import { keepWriting } from "./annotate.js";
import { COMMANDS } from "./commands.js";
import { toClipboard } from "./copying.js";
import { counted } from "./counted.js";
import { el, icon, iconButton } from "./dom.js";
import { field } from "./form.js";
import { keyName } from "./keysheet.js";
import { ICONS } from "./selectbar.js";

const ALIGN = ["align_left", "align_center", "align_right", "align_top", "align_middle", "align_bottom"];
const DISTRIBUTE = ["distribute_x", "distribute_y"];
const ACTIONS = {
  several: ["frame", "leave_frame", "disable", "copy", "duplicate", "delete"],
  note: ["copy", "duplicate", "delete"],
  group: ["duplicate", "leave_frame"],
};
const ABOUT_NODES = ["frame", "leave_frame", "disable"];

/** What is selected, as a text that differs where the panel does; null while it is at most one node. */
export function chosenKey({ selected, extras }) {
  return extras.size || selected.size > 1 ? [...selected, ...extras].join(" ") : null;
}

/** What stands in the panel while `chosenKey` gives one. */
export function chosenPanel(editor) {
  const { selected, extras, scene } = editor;
  const [key] = extras;
  if (selected.size + extras.size > 1) return several(editor);
  return key.startsWith("note:") ? notePanel(editor, key) : framePanel(editor, key, scene.extra(key));
}

function several(editor) {
  const { words, selected, extras, mayEdit } = editor;
  const placed = selected.size + extras.size;
  return [
    head(editor, "select_all", words.chosen.replace("{what}", counted(words, editor))),
    mayEdit ? row(editor, words.chosen_align, ALIGN) : null,
    mayEdit && placed > 2 ? row(editor, words.chosen_distribute, DISTRIBUTE) : null,
    actions(editor, "several"),
    selected.size ? nodeList(editor, words.chosen_nodes, [...selected]) : null,
  ];
}

function notePanel(editor, key) {
  const { words, scene } = editor;
  return [head(editor, "sticky_note_2", words.note_panel), write(editor, key, { name: "text", title: words.note_text, widget: "lines" }, scene.extra(key).text), actions(editor, "note")];
}

function framePanel(editor, key, group) {
  const { words } = editor;
  return [head(editor, "select_all", group.name || words.frame_panel), write(editor, key, { name: "name", title: words.field_name }, group.name), actions(editor, "group"), nodeList(editor, words.frame_nodes, group.nodes)];
}

function head(editor, sign, title) {
  const close = () => (editor.select([]), editor.open(null));
  return el("div", "fh-panel-head", { "data-testid": "chosen" }, icon(sign, "fh-node-icon"), el("div", "fh-grow", {}, el("h2", "fe-clamped", { title }, title)), iconButton("close", editor.words.close, close));
}

function write(editor, key, fact, value) {
  const { words, mayEdit } = editor;
  const set = (_, text) => keepWriting(editor, key, text ?? "");
  return field({ type: "text", docs: "", fields: [], unit: "", default: null, ...fact }, { path: [fact.name], value, set, problemsAt: () => [], words, mayEdit });
}

function row(editor, title, names) {
  return el("section", "fe-chosen-part", {}, el("h3", "", {}, title), el("div", "fe-chosen-row", { role: "group", "aria-label": title }, ...names.map((name) => iconButton(ICONS[name], hintOf(editor, name), () => run(editor, name), { "data-action": name }))));
}

function actions(editor, kind) {
  const { words, mayEdit } = editor;
  const names = ACTIONS[kind].filter((name) => (mayEdit || name === "copy") && fits(editor, kind, name));
  const label = (name) => words[`menu_${kind}_${name}`] ?? words[`menu_${name}`] ?? words[`do_${name}`];
  const button = (name) => el("button", "fh-button", { type: "button", title: hintOf(editor, name), "data-action": name, onclick: () => run(editor, name) }, icon(ICONS[name]), el("span", "", {}, label(name)));
  return names.length ? el("div", "fe-chosen-actions", {}, ...names.map(button)) : null;
}

/** Notes cannot be framed or switched off; out of a frame goes only what is in one. */
function fits({ selected, scene }, kind, name) {
  if (kind !== "several" || !ABOUT_NODES.includes(name)) return true;
  return name === "leave_frame" ? [...selected].some((id) => scene.frameOf(id)) : selected.size > 0;
}

function nodeList(editor, title, ids) {
  const one = (id) => el("button", "fe-chosen-node", { type: "button", title: editor.words.sample_jump, "data-testid": "chosen-node", onclick: () => editor.jump(id) }, icon(editor.types[editor.scene.nodes.get(id).node.type]?.icon ?? "extension_off"), el("span", "", {}, editor.scene.titleOf(id)));
  return el("section", "fe-chosen-part", {}, el("h3", "", {}, title), ...ids.map(one));
}

function hintOf(editor, name) {
  const [key] = COMMANDS.find((command) => command.name === name).keys;
  return `${editor.words[`do_${name}`]} (${keyName(key)})`;
}

/** As by the key; the keys are on the canvas afterwards. A press copies where a key would. */
function run(editor, name) {
  editor.frame.focus({ preventScroll: true });
  if (name === "copy") return toClipboard(editor);
  return COMMANDS.find((command) => command.name === name).run(editor);
}
