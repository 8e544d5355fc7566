// The dot says how a node or a flow is; colour and shape follow from one table.
import assert from "node:assert/strict";
import test from "node:test";
import { toneOf } from "../../flowhost/ui/editor/js/tones.js";

test("what runs is well, unless messages die there", () => {
  assert.equal(toneOf({ state: "running", dying: false }), "ok");
  assert.equal(toneOf({ state: "running", dying: true }), "warn");
  assert.equal(toneOf({ state: "running", dying: false, letters: true }), "warn");
  assert.equal(toneOf({ state: "failed", letters: true }), "bad");
});

test("any other state says more than that messages died", () => {
  assert.equal(toneOf({ state: "failed", dying: true }), "bad");
  assert.equal(toneOf({ state: "draining", dying: true }), "busy");
  assert.equal(toneOf({ state: "unheard of" }), "off");
});
