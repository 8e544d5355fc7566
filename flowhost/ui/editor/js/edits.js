// Edits as operations: what a node added, deleted, moved or put into a wire means for the draft.
import { freeId, freeName, namesOf } from "./clipboard.js";
import { wireEnds, wireText } from "./ops.js";
import { makeRoom } from "./room.js";

/** Put a new node on the canvas. `wired`: end of a loose wire it is for; `splice`: a wire it goes into. Gives its id, or null. */
export function addNode(editor, typeId, spot, { wired = null, splice = null } = {}) {
  const type = editor.types[typeId];
  const { nodes } = editor.draft.doc;
  const id = freeId(typeId.replaceAll(/[^a-z0-9_]/g, "_"), new Set(Object.keys(nodes)));
  const node = { type: typeId, name: freeName(type.title, namesOf(nodes)), ...firstConnection(editor, type) };
  const spliced = splice && type.kind === "transform";
  const dropped = [Math.round(spot[0] / 8) * 8, Math.round((spot[1] - 26) / 8) * 8];
  const { at, places } = spliced ? roomFor(editor.scene, splice, id, dropped) : { at: dropped, places: {} };
  const ops = [{ op: "add_node", id, node, at }, ...moveOps(places)];
  const port = type.ports[0]?.name ?? "error";
  if (wired?.forwards && type.kind !== "source") ops.push({ op: "add_wire", wire: wireText(wired.id, wired.port, id) });
  else if (wired && !wired.forwards && type.kind !== "sink") ops.push({ op: "add_wire", wire: wireText(id, port, wired.id) });
  if (spliced) ops.push(...spliceInto(splice, id, port));
  return editor.commit(ops, "add") ? id : null;
}

/** Operations that delete what is selected: a wire, or nodes, notes and frames; `join` connects what was around nodes. */
export function removal(editor, join) {
  const { scene } = editor;
  if (editor.wire) return [{ op: "del_wire", wire: editor.wire }];
  const ids = [...editor.selected];
  const ops = ids.map((id) => ({ op: "del_node", id }));
  // a frame whose nodes all go is gone with the last of them
  const whole = (id) => scene.groups.get(id).nodes.every((node) => editor.selected.has(node));
  for (const [kind, id] of [...editor.extras].map((key) => key.split(":"))) {
    if (kind === "note" || !whole(id)) ops.push({ op: "unset", path: ["layout", `${kind}s`, id] });
  }
  return join ? [...ops, ...joinOps(scene, ids)] : ops;
}

/** Operations that put things elsewhere; keys are node ids, or `note:` and the id of a note. */
export function moveOps(places) {
  const all = Object.entries(places);
  const nodes = all.filter(([key]) => !key.startsWith("note:"));
  const notes = all.filter(([key]) => key.startsWith("note:"));
  return [
    ...(nodes.length ? [{ op: "move", at: Object.fromEntries(nodes) }] : []),
    ...notes.map(([key, at]) => ({ op: "set", path: ["layout", "notes", key.slice(5), "at"], value: at })),
  ];
}

/**
 * Before the first thing gets a place by hand, those the canvas gave are written down: others see the same, and nothing
 * jumps. One step of undo takes all of it back.
 */
export function pinned(scene, ops) {
  const places = ops.some((op) => (op.op === "move" && Object.values(op.at).some(Boolean)) || (op.op === "add_node" && op.at));
  const at = places ? scene.unplaced() : {};
  return Object.keys(at).length ? [{ op: "move", at }, ...ops] : ops;
}

/** Operations that connect what was before deleted nodes with what was behind them. */
function joinOps(scene, ids) {
  const gone = new Set(ids);
  const wires = [...scene.wires.values()];
  const made = new Set();
  for (const { source, port, target } of wires) {
    if (gone.has(source) || !gone.has(target)) continue;
    for (const behind of endsBehind(wires, target, gone)) made.add(wireText(source, port, behind));
  }
  return [...made].filter((wire) => !scene.wires.has(wire)).map((wire) => ({ op: "add_wire", wire }));
}

/** Nodes that messages of a deleted node reached, through other deleted ones too. */
function endsBehind(wires, id, gone) {
  const found = new Set();
  for (const { source, port, target } of wires) {
    if (source !== id || port === "error") continue;
    if (!gone.has(target)) found.add(target);
    else for (const further of endsBehind(wires, target, gone)) found.add(further);
  }
  return found;
}

/** Where a node goes that is put into a wire, and what gives way to it. */
export function roomFor(scene, text, id, at) {
  const [source, , target] = wireEnds(text);
  return makeRoom(scene.nodes, scene.wires.values(), { source, target }, id, at);
}

/** Operations that lead a wire through a node. */
export function spliceInto(text, id, port) {
  const [source, out, target] = wireEnds(text);
  return [
    { op: "del_wire", wire: text },
    { op: "add_wire", wire: wireText(source, out, id) },
    { op: "add_wire", wire: wireText(id, port, target) },
  ];
}

function firstConnection(editor, type) {
  if (!type.connection) return {};
  const [fitting] = editor.links.fitting(type.connection);
  return fitting ? { connection: fitting.name } : {};
}
