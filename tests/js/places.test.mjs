// Where nodes, the view of them and the buttons beside them are put, without a browser.
import assert from "node:assert/strict";
import test from "node:test";
import { barPlace } from "../../flowhost/ui/editor/js/barplace.js";
import { Camera } from "../../flowhost/ui/editor/js/camera.js";
import { around, overlap, within } from "../../flowhost/ui/editor/js/geometry.js";
import { arrange } from "../../flowhost/ui/editor/js/layout.js";

const CANVAS = [900, 700]; // at 1440 x 900, with palette and settings
const BAR = [162, 38];

function row(count) {
  const ids = Array.from({ length: count }, (_, index) => `n${index}`);
  const places = arrange(ids, ids.slice(1).map((id, index) => [ids[index], id]), () => 82);
  return ids.map((id) => [...places[id], 200, 82]);
}

function fitted(boxes) {
  const camera = new Camera({ clientWidth: CANVAS[0], clientHeight: CANVAS[1] }, () => {});
  camera.fit(around(boxes));
  return camera;
}

test("a short chain is seen as a whole, at a size one can read", () => {
  for (const [count, least] of [[3, 1], [4, 0.84], [5, 0.66]]) {
    const camera = fitted(row(count));
    assert.ok(camera.k >= least, `${count} nodes: ${camera.k}`);
    assert.ok(within(around(row(count)), camera.sight()));
    const { x } = camera;
    for (const box of row(count)) camera.reveal(box);
    assert.ok(Math.abs(camera.x - x) < 1e-6, "what is in sight is not pushed about");
  }
});

test("the buttons of a node cover no other one at the usual spacing", () => {
  const ids = ["a", "b", "c", "d", "e", "f"];
  const places = arrange(ids, [["a", "d"], ["b", "e"], ["c", "f"]], () => 82);
  const boxes = ids.map((id) => [...places[id], 200, 82]);
  for (const k of [1.1, 1]) {
    const seen = boxes.map((box) => box.map((side) => side * k));
    for (const [index, box] of seen.entries()) {
      const at = barPlace(box, BAR, CANVAS, seen.toSpliced(index, 1));
      for (const other of seen) assert.ok(!overlap([...at, ...BAR], other), `${ids[index]} at ${k}: ${at}`);
    }
  }
});

test("the buttons stand above, else below, else where they cover least, and always in the canvas", () => {
  const box = [300, 300, 200, 82];
  assert.deepEqual(barPlace(box, BAR, CANVAS, []), [300, 252]);
  assert.deepEqual(barPlace(box, BAR, CANVAS, [[300, 200, 200, 82]]), [300, 392]);
  assert.deepEqual(barPlace([300, 20, 200, 82], BAR, CANVAS, []), [300, 112]);
  // both rows are taken: beside the whole of them
  assert.deepEqual(barPlace(box, BAR, CANVAS, [[300, 210, 200, 82], [300, 390, 200, 82]]), [300, 162]);
  const crowd = Array.from({ length: 100 }, (_, index) => [(index % 10) * 210, Math.floor(index / 10) * 92, 200, 82]);
  const [left, top] = barPlace(crowd[33], BAR, CANVAS, crowd);
  assert.ok(within([left, top, ...BAR], [0, 0, ...CANVAS]));
});
