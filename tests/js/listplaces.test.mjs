// Items of a list are found again by a form that is older than the list.
import assert from "node:assert/strict";
import test from "node:test";
import { ListPlaces, whereNow } from "../../flowhost/ui/editor/js/listplaces.js";
import { changedAt } from "../../flowhost/ui/editor/js/paths.js";

function edited(items) {
  const held = { doc: { items } };
  const set = (path, value) => (held.doc = changedAt(held.doc, path, value));
  const read = (path) => path.reduce((inner, step) => inner?.[step], held.doc);
  return { held, set, places: new ListPlaces({ read, set, path: ["items"] }, items) };
}

test("two fields of one item stay, whatever the form still shows", () => {
  const { held, places } = edited([{ name: "", field: "" }]);
  places.change(0, ["name"], "weight");
  places.change(0, ["field"], "w");
  assert.deepEqual(held.doc.items, [{ name: "weight", field: "w" }]);
});

test("an item is found after others came or went before it", () => {
  const { held, set, places } = edited([{ n: "a" }, { n: "b" }, { n: "c" }]);
  places.change(1, ["n"], "B");
  set(["items"], [{ n: "B" }, { n: "c" }]);
  places.change(1, ["x"], 1);
  places.change(2, ["x"], 2);
  assert.deepEqual(held.doc.items, [{ n: "B", x: 1 }, { n: "c", x: 2 }]);
  places.remove(1);
  assert.deepEqual(held.doc.items, [{ n: "c", x: 2 }]);
  set(["items"], [{ n: "c", x: 2 }, { n: "d" }]);
  places.change(2, ["x"], 3);
  assert.deepEqual(held.doc.items, [{ n: "c", x: 3 }, { n: "d" }]);
});

test("what is set in an item that was taken away is not lost, and hits no other", () => {
  const { held, set, places } = edited([{ n: "a" }, { n: "b" }, { n: "c" }]);
  set(["items"], [{ n: "a" }, { n: "c" }]);
  places.change(1, ["x", "y"], 1);
  places.change(2, ["x"], 2);
  assert.deepEqual(held.doc.items, [{ n: "a" }, { n: "c", x: 2 }, { x: { y: 1 } }]);
  places.remove(1);
  assert.equal(held.doc.items.length, 3);
});

test("the last item takes the list along", () => {
  const { held, places } = edited(["a"]);
  places.remove(0);
  assert.deepEqual(held.doc, {});
  places.add(["b"]);
  assert.deepEqual(held.doc.items, ["b"]);
});

test("where one of equal items is", () => {
  assert.equal(whereNow([1, 1], [1], 0), 0);
  assert.equal(whereNow([1, 1], [1], 1), 0);
  assert.equal(whereNow([1, 2], [2], 0), null);
  assert.equal(whereNow([2], [1, 2], 0), 1);
});
