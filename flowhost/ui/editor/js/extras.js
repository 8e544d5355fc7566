// Notes and frames around nodes: what the canvas shows beside nodes and wires. Kept in the flow's layout. No DOM.
import { around } from "./geometry.js";

export const NOTE_SIZE = [208, 96];
export const SMALLEST_NOTE = [96, 48];
const PAD = 20; // between a frame and its nodes
const HEAD = 28; // height of a frame's name

/** Notes of a draft by id; what is written in another way is left out. */
export function notesOf(doc) {
  const found = new Map();
  for (const [id, note] of entries(doc.layout?.notes)) {
    const [x, y] = pair(note.at) ?? [0, 0];
    const [w, h] = pair(note.size) ?? NOTE_SIZE;
    found.set(id, { id, text: typeof note.text === "string" ? note.text : "", x, y, w: Math.max(w, SMALLEST_NOTE[0]), h: Math.max(h, SMALLEST_NOTE[1]) });
  }
  return found;
}

/** Frames of a draft by id, with those of their nodes that are there; a frame around nothing is not shown. */
export function groupsOf(doc) {
  const found = new Map();
  for (const [id, group] of entries(doc.layout?.groups)) {
    const nodes = (Array.isArray(group.nodes) ? group.nodes : []).filter((name) => Object.hasOwn(doc.nodes, name));
    if (nodes.length) found.set(id, { id, name: typeof group.name === "string" ? group.name : "", nodes });
  }
  return found;
}

/** The rectangle of a frame around the rectangles of its nodes. */
export function frameBox(boxes) {
  const [x, y, w, h] = around(boxes);
  return [x - PAD, y - PAD - HEAD, w + 2 * PAD, h + 2 * PAD + HEAD];
}

/** Operations that put a frame around nodes; they leave the frames they were in. */
export function groupOps(doc, id, name, ids) {
  return [...leaveOps(doc, ids), { op: "set", path: ["layout", "groups", id], value: { name, nodes: [...ids] } }];
}

/** Operations that take nodes out of their frames; a frame left empty goes. */
export function leaveOps(doc, ids, except = null) {
  const gone = new Set(ids);
  const ops = [];
  for (const [id, { nodes }] of groupsOf(doc)) {
    if (id === except || !nodes.some((node) => gone.has(node))) continue;
    const left = nodes.filter((node) => !gone.has(node));
    const path = ["layout", "groups", id];
    ops.push(left.length ? { op: "set", path: [...path, "nodes"], value: left } : { op: "unset", path });
  }
  return ops;
}

/** Operations that put nodes into a frame that is there. */
export function joinGroupOps(doc, id, ids) {
  const nodes = [...new Set([...groupsOf(doc).get(id).nodes, ...ids])];
  return [...leaveOps(doc, ids, id), { op: "set", path: ["layout", "groups", id, "nodes"], value: nodes }];
}

/** An id for a new note (`n1`) or frame (`g1`). */
export function freshId(part, stem) {
  const taken = new Set(entries(part).map(([id]) => id));
  let number = 1;
  while (taken.has(`${stem}${number}`)) number += 1;
  return `${stem}${number}`;
}

function entries(part) {
  const whole = part !== null && typeof part === "object" && !Array.isArray(part) ? Object.entries(part) : [];
  return whole.filter(([, entry]) => entry !== null && typeof entry === "object" && !Array.isArray(entry));
}

function pair(value) {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) ? value : null;
}
