// Places by command: nudge, align, distribute, arrange; and going from node to node by the arrow keys.
import { moveOps } from "./edits.js";
import { align, distribute, heightOf } from "./geometry.js";
import { arrange } from "./layout.js";
import { wireEnds } from "./ops.js";

function chosen(editor) {
  return editor.scene.things(editor.selected, editor.extras);
}

/** Move what is selected. */
export function nudge(editor, dx, dy) {
  const at = {};
  for (const [key, [x, y]] of chosen(editor)) at[key] = [x + dx, y + dy];
  editor.commit(moveOps(at), "move", `nudge ${Object.keys(at)}`);
}

/** Bring edges of what is selected in line. */
export function aligned(editor, edge) {
  const boxes = chosen(editor);
  if (boxes.size > 1) editor.commit(moveOps(align(boxes, edge)), "align");
}

/** The same gaps between what is selected. */
export function distributed(editor, axis) {
  editor.commit(moveOps(distribute(chosen(editor), axis)), "align");
}

/** Arrange the whole flow along its wires. */
export function arrangeAll(editor) {
  const { doc } = editor.draft;
  const links = doc.wires.map(wireEnds).map(([source, , target]) => [source, target]);
  const at = arrange(Object.keys(doc.nodes), links, (id) => heightOf(editor.scene.nodes.get(id).ports));
  if (editor.commit([{ op: "move", at }], "arrange")) editor.view.fit();
}

/** To the next node in a direction: along the wires first, else the nearest one there. */
export function travel(editor, axis, sign) {
  const id = [...editor.selected].at(0) ?? [...editor.extras].find((key) => key.startsWith("note:"));
  const { nodes, wires } = editor.scene;
  if (!id) {
    const start = [...nodes.values()].sort((a, b) => a.x - b.x || a.y - b.y)[0];
    return start && go(editor, start.id);
  }
  const here = nodes.get(id) ?? editor.scene.extra(id);
  if (axis === "x") {
    const along = [...wires.values()].filter((wire) => (sign > 0 ? wire.source : wire.target) === id);
    const next = along.map((wire) => nodes.get(sign > 0 ? wire.target : wire.source)).sort((a, b) => a.y - b.y)[0];
    if (next) return go(editor, next.id);
  }
  const away = ({ x, y }) => {
    const [forward, aside] = axis === "x" ? [(x - here.x) * sign, Math.abs(y - here.y)] : [(y - here.y) * sign, Math.abs(x - here.x)];
    return forward > 0 ? forward + 2 * aside : Infinity;
  };
  const notes = [...editor.scene.notes.values()].map((note) => ({ ...note, id: `note:${note.id}` }));
  const nearest = [...nodes.values(), ...notes].filter((one) => away(one) < Infinity).sort((a, b) => away(a) - away(b))[0];
  return nearest && go(editor, nearest.id);
}

function go(editor, id) {
  if (id.startsWith("note:")) {
    const { x, y, w, h } = editor.scene.extra(id);
    editor.select([], [id]);
    return editor.view.camera.reveal([x, y, w, h]);
  }
  editor.select([id]);
  if (editor.opened) editor.open(id);
  return editor.view.camera.reveal(editor.scene.box(id));
}
