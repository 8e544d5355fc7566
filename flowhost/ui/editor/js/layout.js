// Places for nodes that have none: columns from left to right along the wires, few crossings.
import { WIDTH } from "./geometry.js";

const COLUMN = WIDTH + 64; // on the grid; a wire with its rate can be read
const GAP = 48;
const MARGIN = 48;

/**
 * @param {string[]} nodes ids in file order
 * @param {[string, string][]} wires source and target
 * @param {(id: string) => number} heightOf
 * @returns {Record<string, [number, number]>}
 */
export function arrange(nodes, wires, heightOf) {
  const known = new Set(nodes);
  const links = wires.filter(([source, target]) => known.has(source) && known.has(target));
  const columns = columnsOf(nodes, links);
  for (let round = 0; round < 6; round += 1) sortColumns(columns, links, round % 2 === 0);
  return placed(columns, heightOf);
}

function columnsOf(nodes, links) {
  const before = new Map(nodes.map((id) => [id, []]));
  for (const [source, target] of links) before.get(target).push(source);
  const depth = new Map();
  const depthOf = (id, path) => {
    if (depth.has(id)) return depth.get(id);
    if (path.has(id)) return 0; // a cycle in a file that lint will name
    const inside = new Set(path).add(id);
    const found = Math.max(-1, ...before.get(id).map((other) => depthOf(other, inside))) + 1;
    depth.set(id, found);
    return found;
  };
  const columns = [];
  for (const id of nodes) (columns[depthOf(id, new Set())] ??= []).push(id);
  return columns.filter(Boolean);
}

function sortColumns(columns, links, forwards) {
  const order = forwards ? columns : columns.toReversed();
  const row = new Map();
  const note = (column) => column.forEach((id, index) => row.set(id, index));
  columns.forEach(note);
  for (const column of order) {
    const weight = new Map(
      column.map((id, index) => {
        const rows = links
          .filter(([source, target]) => (forwards ? target : source) === id)
          .map(([source, target]) => row.get(forwards ? source : target));
        return [id, rows.length ? rows.reduce((sum, at) => sum + at, 0) / rows.length : index];
      }),
    );
    column.sort((a, b) => weight.get(a) - weight.get(b));
    note(column);
  }
}

function placed(columns, heightOf) {
  const tall = columns.map((column) => column.reduce((sum, id) => sum + heightOf(id) + GAP, -GAP));
  const most = Math.max(0, ...tall);
  const places = {};
  columns.forEach((column, index) => {
    let y = MARGIN + (most - tall[index]) / 2;
    for (const id of column) {
      places[id] = [MARGIN + index * COLUMN, Math.round(y / 8) * 8];
      y += heightOf(id) + GAP;
    }
  });
  return places;
}
