// Sizes, places and curves, all in pixels of the plane. Pure: tested without a browser.

export const WIDTH = 200;
export const GRID = 8;
const HEAD = 82; // height of a node with one output
const MIDDLE_Y = 26; // where the input sits, and a single output: level, so that chains are straight lines
const FIRST_PORT_Y = 64; // several outputs stand below each other with their names
const PORT_STEP = 22;
const FOOT = 34;
const ERROR_UP = 14; // the error port sits this far above the lower edge

/** Height of a node with these outputs; the error port is not among them. */
export function heightOf(ports) {
  return ports.length > 1 ? FIRST_PORT_Y + PORT_STEP * (ports.length - 1) + 10 + FOOT : HEAD;
}

/** Where an output sits, from the node's upper edge. */
export function portY(ports, port) {
  if (port === "error") return heightOf(ports) - ERROR_UP;
  const index = ports.indexOf(port);
  if (ports.length === 1 || index < 0) return MIDDLE_Y;
  return FIRST_PORT_Y + PORT_STEP * index;
}

/** Where wires arrive. */
export function inputSpot([x, y]) {
  return [x, y + MIDDLE_Y];
}

/** Where wires of a port leave. */
export function outputSpot([x, y], ports, port) {
  return [x + WIDTH, y + portY(ports, port)];
}

/** SVG path of a wire. */
export function wirePath([ax, ay], [bx, by]) {
  const pull = pullOf(ax, bx);
  return `M${round(ax)} ${round(ay)}C${round(ax + pull)} ${round(ay)} ${round(bx - pull)} ${round(by)} ${round(bx)} ${round(by)}`;
}

/** A spot on a wire, `t` of the way from 0 to 1. */
export function wireSpot([ax, ay], [bx, by], t) {
  const pull = pullOf(ax, bx);
  const [a, b, c, d] = [(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t ** 2, t ** 3];
  return [a * ax + b * (ax + pull) + c * (bx - pull) + d * bx, a * ay + b * ay + c * by + d * by];
}

/** How far a spot is from a wire, near enough to tell what the pointer means. */
export function wireDistance(from, to, [x, y]) {
  const pull = pullOf(from[0], to[0]);
  const slack = 20;
  const left = Math.min(from[0], to[0] - pull) - slack;
  const right = Math.max(from[0] + pull, to[0]) + slack;
  const top = Math.min(from[1], to[1]) - slack;
  const bottom = Math.max(from[1], to[1]) + slack;
  if (x < left || x > right || y < top || y > bottom) return Infinity;
  let best = Infinity;
  let last = from;
  for (let step = 1; step <= 24; step += 1) {
    const next = wireSpot(from, to, step / 24);
    best = Math.min(best, segmentDistance(last, next, [x, y]));
    last = next;
  }
  return best;
}

/** The rectangle around spots with sizes: `[x, y, w, h]`; null for none. */
export function around(boxes) {
  if (!boxes.length) return null;
  const left = Math.min(...boxes.map(([x]) => x));
  const top = Math.min(...boxes.map(([, y]) => y));
  const right = Math.max(...boxes.map(([x, , w]) => x + w));
  const bottom = Math.max(...boxes.map(([, y, , h]) => y + h));
  return [left, top, right - left, bottom - top];
}

/** Whether two rectangles share a spot. */
export function overlap([ax, ay, aw, ah], [bx, by, bw, bh]) {
  return ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah;
}

/** The rectangle between two corners, whichever they are. */
export function between([ax, ay], [bx, by]) {
  return [Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by)];
}

/** The part of a rectangle that lies on a sheet, whole to the last edge; beside the sheet, a sliver at the edge it is next to. */
export function clipped([x, y, w, h], [width, height], edge = 2, least = 6) {
  const side = (start, size, room) => {
    const from = Math.min(Math.max(start, edge), room - edge - least);
    return [from, Math.max(least, Math.min(start + size, room - edge) - from)];
  };
  const [[left, wide], [top, high]] = [side(x, w, width), side(y, h, height)];
  return [left, top, wide, high];
}

/**
 * How far a block has to go to lie on nothing: the shortest way right, left, down or up; `[0, 0]` where it is free already.
 * @param {number[]} block its rectangle
 * @param {number[][]} others what is there
 * @param {number} air left between them
 */
export function freeShift(block, others, air) {
  const grown = others.map(([x, y, w, h]) => [x - air, y - air, w + 2 * air, h + 2 * air]);
  const ways = [[1, 0], [0, 1], [-1, 0], [0, -1]].map((way) => shiftAlong(block, grown, way));
  return ways.reduce((best, way) => (Math.hypot(...way) < Math.hypot(...best) ? way : best));
}

function shiftAlong(block, others, [right, down]) {
  let [dx, dy] = [0, 0];
  for (;;) {
    const [x, y, w, h] = [block[0] + dx, block[1] + dy, block[2], block[3]];
    const hit = others.find((other) => overlap([x, y, w, h], other));
    if (!hit) return [dx, dy];
    if (right) dx = onGrid(right > 0 ? hit[0] + hit[2] - block[0] : hit[0] - w - block[0], right);
    else dy = onGrid(down > 0 ? hit[1] + hit[3] - block[1] : hit[1] - h - block[1], down);
  }
}

/** On the grid, no shorter. */
function onGrid(value, sign) {
  return sign > 0 ? Math.ceil(value / GRID) * GRID : Math.floor(value / GRID) * GRID;
}

/** On the grid. */
export function snap(value) {
  return Math.round(value / GRID) * GRID;
}

/**
 * Places of nodes after an alignment.
 * @param {Map<string, number[]>} boxes rectangles by id
 * @param {"left"|"right"|"top"|"bottom"|"middle"|"center"} edge
 */
export function align(boxes, edge) {
  const [left, top, width, height] = around([...boxes.values()]);
  const moved = {};
  for (const [id, [x, y, w, h]] of boxes) {
    moved[id] = {
      left: [left, y],
      right: [left + width - w, y],
      center: [left + (width - w) / 2, y],
      top: [x, top],
      bottom: [x, top + height - h],
      middle: [x, top + (height - h) / 2],
    }[edge].map(Math.round);
  }
  return moved;
}

/** Places of nodes with the same gap between each two; the outer ones stay. */
export function distribute(boxes, axis) {
  const side = axis === "x" ? 0 : 1;
  const order = [...boxes].sort(([, a], [, b]) => a[side] - b[side]);
  if (order.length < 3) return {};
  const [first, last] = [order[0][1], order.at(-1)[1]];
  const used = order.reduce((sum, [, box]) => sum + box[side + 2], 0);
  const gap = (last[side] + last[side + 2] - first[side] - used) / (order.length - 1);
  const moved = {};
  let at = first[side];
  for (const [id, box] of order) {
    moved[id] = side === 0 ? [Math.round(at), box[1]] : [box[0], Math.round(at)];
    at += box[side + 2] + gap;
  }
  return moved;
}

function pullOf(ax, bx) {
  return Math.max(Math.abs(bx - ax) / 2, bx > ax ? 30 : 80);
}

function segmentDistance([ax, ay], [bx, by], [x, y]) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

function round(value) {
  return Math.round(value * 10) / 10;
}

/** Whether a rectangle lies in another as a whole. */
export function within([x, y, w, h], [left, top, width, height]) {
  return x >= left && y >= top && x + w <= left + width && y + h <= top + height;
}
