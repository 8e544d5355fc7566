// The browser's copy of the operations does what tests/vectors/ops.json says, and every batch can be taken back.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { OpError, apply } from "../../flowhost/ui/editor/js/ops.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/ops.json", import.meta.url)));
const at = (value, path) => path.split(".").reduce((part, key) => part?.[key], value);

for (const entry of vectors.cases) {
  test(entry.name, () => {
    const before = structuredClone(vectors.draft);
    if (entry.error) {
      assert.throws(
        () => apply(before, entry.ops),
        (error) => error instanceof OpError && error.message.includes(entry.error) && error.gone === (entry.lost ?? false),
      );
      assert.deepEqual(before, vectors.draft);
      return;
    }
    const { draft, inverse } = apply(before, entry.ops);
    assert.deepEqual(before, vectors.draft, "the draft given is not changed");
    for (const [path, value] of Object.entries(entry.changes ?? {})) assert.deepEqual(at(draft, path), value, path);
    for (const path of entry.gone ?? []) assert.equal(at(draft, path), undefined, path);
    if (entry.order) assert.deepEqual(Object.keys(draft.nodes), entry.order);
    const again = apply(draft, inverse).draft;
    assert.deepEqual(again, vectors.draft);
    assert.deepEqual(Object.keys(again.nodes), Object.keys(vectors.draft.nodes));
  });
}

test("an operation nobody knows is refused", () => {
  assert.throws(() => apply(vectors.draft, [{ op: "toString" }]), OpError);
});

test("any sequence of operations can be taken back, step by step", () => {
  const seed = Number(process.env.FLOWHOST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const random = generator(seed);
  for (let round = 0; round < 200; round += 1) {
    let draft = structuredClone(vectors.draft);
    const past = [];
    for (let step = 0; step < 25; step += 1) {
      const op = anyOp(draft, random);
      try {
        const done = apply(draft, [op]);
        past.push([draft, done.inverse]);
        draft = done.draft;
      } catch (error) {
        assert.ok(error instanceof OpError, String(error));
      }
    }
    for (const [before, inverse] of past.reverse()) {
      draft = apply(draft, inverse).draft;
      assert.deepEqual(draft, before);
    }
  }
});

function anyOp(draft, random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const id = () => pick([...Object.keys(draft.nodes), "a", "x", "y", "z"]);
  const spot = () => pick([null, [Math.floor(random() * 9), Math.floor(random() * 9)]]);
  const path = () => pick([["name"], ["layout", "groups", "g"], ["layout", "groups", "g1", "nodes"], ["nodes", id(), "config", pick(["p", "q"])], ["nodes", id(), "config", "p", "r"], ["nodes", id(), "config", "p", 0, "r"], ["nodes", id(), "name"]]);
  return pick([
    () => ({ op: "add_node", id: id(), node: { type: "log" }, at: spot(), index: Math.floor(random() * 3) }),
    () => ({ op: "del_node", id: id() }),
    () => ({ op: "rename_node", id: id(), to: id() }),
    () => ({ op: "move", at: { [id()]: spot() } }),
    () => ({ op: "set", path: path(), value: pick([1, "x", { r: 2 }, [{ r: 3 }, 4]]) }),
    () => ({ op: "unset", path: path() }),
    () => ({ op: "add_wire", wire: `${id()}${pick(["", ".error"])} -> ${id()}` }),
    () => ({ op: "del_wire", wire: pick([...draft.wires, "a -> x"]) }),
  ])();
}

function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
