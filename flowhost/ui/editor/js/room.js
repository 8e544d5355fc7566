// Room for a node that is put into a wire: what lies behind it gives way. Pure: tested without a browser.
import { GRID, heightOf, WIDTH } from "./geometry.js";

const GAP = 48; // so much of a wire can be seen between two nodes
const TOUCH = 16;

/**
 * Where a node goes that is put into a wire, and where the nodes behind the wire go.
 * @param {Map<string, {x: number, y: number, h: number}>} nodes those on the canvas
 * @param {Iterable<{source: string, target: string}>} wires
 * @param {{source: string, target: string}} into the wire
 * @param {string} id of the node; it need not be on the canvas yet
 * @param {[number, number]} at where it was let go
 * @returns {{at: [number, number], places: Record<string, [number, number]>}}
 */
export function makeRoom(nodes, wires, into, id, at) {
  const before = nodes.get(into.source);
  const behind = nodes.get(into.target);
  if (!before || !behind || ![before, behind].some((one) => touches(at, nodes.get(id)?.h ?? heightOf([""]), one))) return { at, places: {} };
  // a wire that leads back to the left has no room to its right
  const x = before.x < behind.x ? Math.max(at[0], before.x + WIDTH + GAP) : at[0];
  const missing = Math.ceil((x + WIDTH + GAP - behind.x) / GRID) * GRID;
  const places = {};
  if (missing > 0 && before.x < behind.x) {
    for (const one of reached(wires, into.target, id)) {
      const node = nodes.get(one);
      if (node && node.x >= behind.x) places[one] = [node.x + missing, node.y];
    }
  }
  return { at: [x, at[1]], places };
}

function touches([x, y], h, other) {
  return x < other.x + WIDTH + TOUCH && x + WIDTH + TOUCH > other.x && y < other.y + other.h + TOUCH && y + h + TOUCH > other.y;
}

/** A node and all its messages can come to, without the one that is put in. */
function reached(wires, first, without) {
  const all = [...wires];
  const found = new Set([first]);
  for (const id of found) for (const { source, target } of all) if (source === id && target !== without) found.add(target);
  return found;
}
