// Where the buttons for what is selected go: beside it, and on nothing else. Pure: tested without a browser.
import { around } from "./geometry.js";

const AIR = 10;
const TIGHT = 2; // where there is little room
const EDGE = 8; // from the edge of the canvas

/**
 * @param {number[]} box of what is selected: `[x, y, w, h]`, like all here in pixels of the canvas
 * @param {[number, number]} size of the bar
 * @param {[number, number]} frame size of the canvas
 * @param {number[][]} others what must not be covered
 * @returns {[number, number]} left and top
 */
export function barPlace([x, y, w, h], [width, height], [right, bottom], others) {
  const rows = [AIR, TIGHT].flatMap((air) => [y - height - air, y + h + air]);
  // above a neighbour that stands close, or below one
  const reached = others.filter(([ox, , ow]) => ox < x + Math.max(w, width) && x - width < ox + ow);
  const close = around([[x, y, w, h], ...reached.filter(([, oy, , oh]) => oy < y + h + height + 2 * AIR && y - height - 2 * AIR < oy + oh)]);
  rows.push(close[1] - height - AIR, close[1] + close[3] + AIR);
  const columns = [x, x + w - width];
  const spots = rows.flatMap((top) => columns.map((left) => [left, top]));
  spots.push([x + w + AIR, y], [x - width - AIR, y]);
  const inside = ([left, top]) => [Math.min(Math.max(EDGE, left), Math.max(EDGE, right - width - EDGE)), Math.min(Math.max(EDGE, top), Math.max(EDGE, bottom - height - EDGE))];
  const blocked = [...others, [x, y, w, h]];
  const covers = ([left, top]) => blocked.reduce((sum, [ox, oy, ow, oh]) => sum + shared(left, left + width, ox, ox + ow) * shared(top, top + height, oy, oy + oh), 0);
  let [best, least] = [null, Infinity];
  for (const spot of spots.map(inside)) {
    const covered = covers(spot);
    if (covered < least) [best, least] = [spot, covered];
    if (!covered) break;
  }
  return best;
}

function shared(a, b, c, d) {
  return Math.max(0, Math.min(b, d) - Math.max(a, c));
}
