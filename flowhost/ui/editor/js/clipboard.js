// Nodes as text: copied between flows, tabs, browsers and files.
import { frameBox, freshId, groupsOf, notesOf } from "./extras.js";
import { WIDTH, around, freeShift, heightOf, snap } from "./geometry.js";
import { wireEnds, wireText } from "./ops.js";

const MARK = "flowhost-nodes";
const LIMIT = 2_000_000;
const AIR = 24; // between what is pasted and what is there

/** Text of some nodes with the wires between them and the connections they name, of notes, and of frames around them. */
export function copyText(doc, scene, ids, extras = new Set()) {
  const nodes = {};
  const at = {};
  const sizes = {};
  for (const id of Object.keys(doc.nodes).filter((one) => ids.has(one))) {
    nodes[id] = doc.nodes[id];
    const { x, y, w, h } = scene.nodes.get(id);
    at[id] = [x, y];
    sizes[id] = [w, h];
  }
  const wires = doc.wires.filter((wire) => {
    const [source, , target] = wireEnds(wire);
    return ids.has(source) && ids.has(target);
  });
  const used = new Set(Object.values(nodes).map((node) => node.connection));
  const connections = Object.fromEntries(Object.entries(doc.connections ?? {}).filter(([name]) => used.has(name)));
  const notes = Object.fromEntries([...notesOf(doc)].filter(([id]) => extras.has(`note:${id}`)).map(([id, { text, x, y, w, h }]) => [id, { text, at: [x, y], size: [w, h] }]));
  const groups = Object.fromEntries([...groupsOf(doc)].filter(([, group]) => group.nodes.every((id) => ids.has(id))).map(([id, { name, nodes }]) => [id, { name, nodes }]));
  return JSON.stringify({ [MARK]: 1, nodes, wires, connections, at, sizes, notes, groups }, null, 1);
}

/**
 * What to do to bring copied nodes into a draft.
 * @param {string} text from the clipboard
 * @param {object} doc the draft
 * @param {[number, number]} spot where their middle shall be, or beside it where something lies there
 * @param {number[][]} there rectangles of what is on the canvas
 * @returns {{ops: object[], ids: string[], extras: string[], missing: string[]} | null} null if the text holds no nodes;
 *   `missing` are connections that this flow has under the same name with another config
 */
export function pasteOps(text, doc, spot, there) {
  const copied = parsed(text);
  if (!copied) return null;
  const taken = new Set(Object.keys(doc.nodes));
  const named = new Map();
  for (const id of Object.keys(copied.nodes)) named.set(id, freeId(id, taken));
  const notes = [...notesOf({ layout: { notes: copied.notes } }).values()];
  const shift = shiftOf(copied, notes, spot, there);
  const ops = [];
  const missing = [];
  for (const [name, connection] of Object.entries(copied.connections ?? {})) {
    const known = doc.connections?.[name];
    if (!known) ops.push({ op: "set", path: ["connections", name], value: connection });
    else if (JSON.stringify(known) !== JSON.stringify(connection)) missing.push(name);
  }
  const names = namesOf(doc.nodes);
  for (const [id, node] of Object.entries(copied.nodes)) {
    const at = copied.at?.[id];
    const own = node.name ? { ...node, name: freeName(node.name, names) } : node;
    ops.push({ op: "add_node", id: named.get(id), node: own, ...(at ? { at: [at[0] + shift[0], at[1] + shift[1]] } : {}) });
  }
  for (const wire of copied.wires ?? []) {
    const [source, port, target] = wireEnds(wire);
    if (named.has(source) && named.has(target)) ops.push({ op: "add_wire", wire: wireText(named.get(source), port, named.get(target)) });
  }
  const extras = [...pasteNotes(ops, doc, notes, shift), ...pasteFrames(ops, doc, copied, named)];
  return { ops, ids: [...named.values()], extras, missing };
}

/** How far what was copied goes: to the spot, and on to free ground beside it. */
function shiftOf(copied, notes, spot, there) {
  const boxes = new Map(Object.entries(copied.at ?? {}).map(([id, [x, y]]) => [id, [x, y, ...(copied.sizes?.[id] ?? [WIDTH, heightOf(["out"])])]]));
  const frames = [...framesOf(copied).values()].map(({ nodes }) => nodes.map((id) => boxes.get(id)).filter(Boolean)).filter((held) => held.length);
  const all = [...boxes.values(), ...notes.map(({ x, y, w, h }) => [x, y, w, h]), ...frames.map(frameBox)];
  const [x, y, w, h] = around(all) ?? [0, 0, 0, 0];
  const [dx, dy] = [spot[0] - x - w / 2, spot[1] - y - h / 2].map(snap);
  const [more, below] = freeShift([x + dx, y + dy, w, h], there, AIR);
  return [dx + more, dy + below];
}

function pasteNotes(ops, doc, notes, [dx, dy]) {
  const taken = { ...doc.layout?.notes };
  return notes.map(({ text, x, y, w, h }) => {
    const id = freshId(taken, "n");
    taken[id] = { text };
    ops.push({ op: "set", path: ["layout", "notes", id], value: { text, at: [x + dx, y + dy], size: [w, h] } });
    return `note:${id}`;
  });
}

function framesOf(copied) {
  return groupsOf({ nodes: copied.nodes, layout: { groups: copied.groups } });
}

function pasteFrames(ops, doc, copied, named) {
  const taken = { ...doc.layout?.groups };
  return [...framesOf(copied).values()].map(({ name, nodes }) => {
    const id = freshId(taken, "g");
    taken[id] = { name };
    ops.push({ op: "set", path: ["layout", "groups", id], value: { name, nodes: nodes.map((node) => named.get(node)) } });
    return `group:${id}`;
  });
}

/** An id like this one that nobody has; it is taken from now on. */
export function freeId(wanted, taken) {
  const [, stem] = /^(.*?)_?\d*$/.exec(wanted);
  let id = wanted;
  for (let number = 2; taken.has(id); number += 1) id = `${stem || "node"}_${number}`;
  taken.add(id);
  return id;
}

/** What the nodes of a flow are called. */
export function namesOf(nodes) {
  return new Set(Object.values(nodes).map((node) => node.name).filter(Boolean));
}

/** A name like this one that no other node has, such as "SQL write 2"; it is taken from now on. */
export function freeName(wanted, taken) {
  const [, stem] = /^(.*?)(?: \d+)?$/s.exec(wanted);
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${stem} ${number}`;
  taken.add(name);
  return name;
}

function parsed(text) {
  if (typeof text !== "string" || text.length > LIMIT) return null;
  try {
    const found = JSON.parse(text);
    return found?.[MARK] === 1 && found.nodes && typeof found.nodes === "object" ? found : null;
  } catch {
    return null; // some other text that was copied
  }
}
