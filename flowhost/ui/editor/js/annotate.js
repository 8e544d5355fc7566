// Commands on notes and frames.
import { freshId, groupOps, leaveOps, NOTE_SIZE } from "./extras.js";
import { snap } from "./geometry.js";

const NAME_SIZE = [240, 40]; // of a frame's name, that it is in sight

/** A new note where one looks, ready to be written into. */
export function addNote(editor, spot = null) {
  const { camera } = editor.view;
  const at = Array.isArray(spot) ? spot : freeSpot(editor, camera.toPlane(camera.middle()));
  const id = freshId(editor.draft.doc.layout?.notes, "n");
  const note = { text: "", at: at.map(snap), size: NOTE_SIZE };
  if (!editor.commit([{ op: "set", path: ["layout", "notes", id], value: note }], "note", `note:${id}`)) return;
  editor.select([], [`note:${id}`]);
  write(editor, `note:${id}`);
}

/** A frame around the selected nodes, with a name to be written; around nodes of one frame: that frame's name. */
export function frameSelected(editor) {
  const { scene, draft, selected } = editor;
  if (!selected.size) return writeSelected(editor) || editor.tell(editor.words.group_nothing);
  const frames = new Set([...selected].map((id) => scene.frameOf(id)?.id ?? null));
  const [only] = frames;
  if (frames.size === 1 && only !== null) {
    editor.select([], [`group:${only}`]);
    return write(editor, `group:${only}`);
  }
  const id = freshId(draft.doc.layout?.groups, "g");
  if (!editor.commit(groupOps(draft.doc, id, "", selected), "group", `group:${id}`)) return;
  editor.select([], [`group:${id}`]);
  write(editor, `group:${id}`);
}

/** Take the selected nodes out of their frames, and selected frames away. */
export function leaveFrames(editor) {
  const { doc } = editor.draft;
  const frames = [...editor.extras].filter((key) => key.startsWith("group:"));
  const ops = frames.map((key) => ({ op: "unset", path: ["layout", "groups", key.slice(6)] }));
  const nodes = frames.flatMap((key) => editor.scene.extra(key).nodes);
  if (editor.commit(ops.length ? ops : leaveOps(doc, editor.selected), "group") && nodes.length) editor.select(nodes);
}

/** Write into the selected note or frame; false if none is selected. */
export function writeSelected(editor) {
  const [key] = editor.extras;
  if (!key || editor.selected.size) return false;
  write(editor, key);
  return true;
}

/** What was written into a note or a frame's name. A note that says nothing goes. */
export function keepWriting(editor, key, text) {
  if (!editor.scene.extra(key)) return; // somebody else took it away
  const [kind, id] = key.split(":");
  const path = ["layout", `${kind}s`, id];
  if (kind === "note" && !text.trim()) editor.commit([{ op: "unset", path }], "note", key);
  else editor.commit([{ op: "set", path: [...path, kind === "note" ? "text" : "name"], value: text }], "note", key);
}

/** What is typed from now on goes into it; from far away, where none is drawn, into the panel. */
function write(editor, key) {
  const { x, y } = editor.scene.extra(key);
  editor.view.camera.reveal([x, y, ...NAME_SIZE]);
  if (!editor.view.extras.write(key)) editor.emit("focusform");
}

function freeSpot(editor, [x, y]) {
  const [w, h] = NOTE_SIZE;
  const spot = [x - w / 2, y - h / 2];
  while (editor.scene.within([...spot, w, h]).length || editor.scene.notesWithin([...spot, w, h]).length) spot[1] += 40;
  return spot;
}
