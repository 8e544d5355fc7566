// Fields that mean something only with certain values of others.
import assert from "node:assert/strict";
import test from "node:test";
import { applies, shownFields } from "../../flowhost/ui/editor/js/applies.js";

const mode = { name: "mode", default: "insert" };
const create = { name: "create", default: false };
const keys = { name: "keys", default: [], only_if: [{ mode: "upsert" }, { create: true }] };
const facts = [mode, create, keys];

test("a field applies where any of its conditions holds, by what is set or else by default", () => {
  assert.equal(applies(keys, facts, {}), false);
  assert.equal(applies(keys, facts, { mode: "upsert" }), true);
  assert.equal(applies(keys, facts, { create: true }), true);
  assert.equal(applies(keys, facts, { create: { id: "integer" } }), true, "on with settings of its own");
  assert.equal(applies(mode, facts, {}), true);
});

test("all of one condition have to hold; a list is one of its values, false is nothing set", () => {
  const fact = { name: "x", only_if: [{ mode: ["a", "b"], name: false }] };
  assert.equal(applies(fact, [], { mode: "b" }), true);
  assert.equal(applies(fact, [], { mode: "b", name: "n" }), false);
  assert.equal(applies(fact, [], { mode: "c" }), false);
});

test("what holds a value or is told wrong stays in sight", () => {
  const names = (values, told = () => false) => shownFields(facts, values, told).map(({ name, idle }) => [name, Boolean(idle)]);
  assert.deepEqual(names({}), [["mode", false], ["create", false]]);
  assert.deepEqual(names({ keys: ["id"] }).at(-1), ["keys", true]);
  assert.deepEqual(names({}, (name) => name === "keys").at(-1), ["keys", true]);
  assert.deepEqual(names({ mode: "upsert", keys: ["id"] }).at(-1), ["keys", false]);
});
