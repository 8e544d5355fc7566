// Messages as rows: fields of payloads become columns, whatever else comes between.
import assert from "node:assert/strict";
import test from "node:test";
import { tabled } from "../../flowhost/ui/editor/js/valuetable.js";

test("fields are columns in the order they came, also those that only some messages have", () => {
  const { fields, bare, rows } = tabled([{ payload: { a: 1, b: null } }, { payload: { c: [2], a: 3 } }]);
  assert.deepEqual([fields, bare], [["a", "b", "c"], false]);
  assert.deepEqual(rows, [{ a: 1, b: null }, { c: [2], a: 3 }]);
});

test("a bare value is one column, beside those of other messages", () => {
  const { fields, bare, units, from, rows } = tabled([{ payload: 4, unit: "Cel", from: "" }, { payload: { a: 1 } }, { payload: [1] }]);
  assert.deepEqual([fields, bare, units, from], [["a"], true, true, false]);
  assert.deepEqual(rows[2], { "": [1] });
});
