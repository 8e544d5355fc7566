// Numbers on the canvas read as on every other page: both sides are held to tests/vectors/numbers.json.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import * as numbers from "../../flowhost/ui/editor/js/numbers.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/numbers.json", import.meta.url)));

for (const [kind, cases] of Object.entries(vectors)) {
  for (const [given, shown] of cases) {
    test(`${kind} of ${given} is ${shown}`, () => assert.equal(numbers[kind](given), shown));
  }
}

test("a rate that is no number is none", () => {
  for (const odd of [NaN, Infinity, undefined]) assert.equal(numbers.rate(odd), "0");
});
