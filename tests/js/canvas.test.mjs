// What the canvas makes of gestures and commands, without a browser: scene, legal wires, edits, notes, frames, copies.
import assert from "node:assert/strict";
import test from "node:test";
import { copyText, pasteOps } from "../../flowhost/ui/editor/js/clipboard.js";
import { addNode, moveOps, pinned, removal, roomFor, spliceInto } from "../../flowhost/ui/editor/js/edits.js";
import { freshId, groupOps, groupsOf, joinGroupOps, leaveOps, notesOf } from "../../flowhost/ui/editor/js/extras.js";
import { align, around, clipped, distribute, freeShift, overlap } from "../../flowhost/ui/editor/js/geometry.js";
import { reasonsAgainst, wireTo } from "../../flowhost/ui/editor/js/legal.js";
import { messagesOf, toWatch } from "../../flowhost/ui/editor/js/given.js";
import { wentOn } from "../../flowhost/ui/editor/js/numbers.js";
import { colourOf, peopleByNode } from "../../flowhost/ui/editor/js/people.js";
import { apply } from "../../flowhost/ui/editor/js/ops.js";
import { Scene } from "../../flowhost/ui/editor/js/scene.js";

const TYPES = {
  inject: { kind: "source", ports: [{ name: "out" }] },
  filter: { kind: "transform", ports: [{ name: "out" }] },
  log: { kind: "sink", ports: [] },
};
const WORDS = { wire_itself: "itself", wire_into_source: "source", wire_from_sink: "sink", wire_circle: "circle", wire_twice: "twice" };

function made(change = {}) {
  return {
    flowhost: 1, id: "f",
    nodes: { a: { type: "inject" }, b: { type: "filter" }, c: { type: "filter" }, d: { type: "log" }, x: { type: "gone" } },
    wires: ["a -> b", "b -> c", "c -> d"],
    layout: {
      nodes: { a: [0, 0], b: [300, 0], c: [600, 0], d: [900, 0], x: [0, 400] },
      notes: { n1: { text: "hi", at: [10, 200], size: [100, 50] }, n2: { text: "in", at: [290, -10], size: [100, 60] } },
      groups: { g1: { name: "G", nodes: ["b", "c"] } },
    },
    ...change,
  };
}

function scene(doc = made()) {
  const it = new Scene(TYPES);
  it.take(doc);
  return it;
}

const editorOf = (it, selected = [], extras = [], wire = null) => ({ scene: it, selected: new Set(selected), extras: new Set(extras), wire, draft: { doc: it.doc } });

test("a wire leads only where it may", () => {
  const it = scene();
  const from = (id, port = "out", taken = null) => reasonsAgainst(it, WORDS, { id, port, forwards: true }, taken);
  assert.equal(from("a")("a"), "itself");
  assert.equal(from("b")("a"), "source");
  assert.equal(from("c")("b"), "circle");
  assert.equal(from("a")("b"), "twice");
  assert.equal(from("a")("c"), "");
  assert.equal(from("x")("b"), "", "a node of a type that is not installed may be wired in any way");
  // the wire that is led elsewhere does not stand in its own way
  assert.equal(from("a", "out", it.wires.get("a -> b"))("b"), "");
  const back = reasonsAgainst(it, WORDS, { id: "b", port: "in", forwards: false });
  assert.equal(back("d"), "sink");
  assert.equal(back("d", "error"), "circle");
  assert.equal(back("c"), "circle");
  assert.equal(wireTo(it, { id: "c", port: "in", forwards: false }, "a"), "a -> c");
});

test("what cannot be wired is refused by the operations too", () => {
  const it = scene();
  for (const id of it.nodes.keys()) {
    const reasons = reasonsAgainst(it, WORDS, { id, port: "out", forwards: true });
    for (const to of it.nodes.keys()) {
      if (reasons(to)) continue;
      assert.doesNotThrow(() => apply(it.doc, [{ op: "add_wire", wire: wireTo(it, { id, port: "out", forwards: true }, to) }]));
    }
  }
});

test("deleting and joining reaches over several deleted nodes, but not by their error ports", () => {
  const doc = made({ wires: ["a -> b", "b -> c", "c -> d", "c.error -> x"] });
  const ops = removal(editorOf(scene(doc), ["b", "c"]), true);
  const { draft, inverse } = apply(doc, ops);
  assert.deepEqual(draft.wires, ["a -> d"]);
  assert.equal(draft.layout.groups.g1, undefined);
  assert.deepEqual(apply(draft, inverse).draft, doc);
});

test("a selected frame is deleted without its nodes, or with all of them", () => {
  const doc = made();
  assert.deepEqual(removal(editorOf(scene(doc), [], ["group:g1", "note:n1"]), false), [
    { op: "unset", path: ["layout", "groups", "g1"] },
    { op: "unset", path: ["layout", "notes", "n1"] },
  ]);
  const { draft, inverse } = apply(doc, removal(editorOf(scene(doc), ["b", "c"], ["group:g1"]), false));
  assert.deepEqual(draft.layout.groups, {});
  assert.deepEqual(apply(draft, inverse).draft, doc);
});

test("a node put into a wire and taken out again", () => {
  const doc = made({ wires: ["a -> d"] });
  const { draft, inverse } = apply(doc, spliceInto("a -> d", "b", "out"));
  assert.deepEqual(draft.wires, ["a -> b", "b -> d"]);
  assert.deepEqual(apply(draft, inverse).draft, doc);
});

test("a frame moves its nodes and the notes that lie in it", () => {
  const it = scene();
  assert.deepEqual([...it.things([], new Set(["group:g1"])).keys()], ["b", "c", "note:n2"]);
  assert.deepEqual(moveOps({ b: [1, 2], "note:n2": [3, 4] }), [
    { op: "move", at: { b: [1, 2] } },
    { op: "set", path: ["layout", "notes", "n2", "at"], value: [3, 4] },
  ]);
  it.shift({ "note:n1": [500, 500], a: [8, 8] });
  assert.equal(it.notes.get("n1").x, 500);
  it.shift(null);
  assert.equal(it.notes.get("n1").x, 10);
  const { x, y, w, h } = it.groups.get("g1");
  assert.ok(x < 300 && y < 0 && x + w > 800 && y + h > 80);
  assert.equal(it.frameAt([400, 40], new Set(["a"])).id, "g1");
  assert.equal(it.frameAt([400, 40], new Set(["b"])), null);
});

test("nodes are in one frame at most, and a frame left empty goes", () => {
  const doc = made();
  let draft = apply(doc, groupOps(doc, freshId(doc.layout.groups, "g"), "New", ["a", "b"])).draft;
  assert.deepEqual(draft.layout.groups, { g1: { name: "G", nodes: ["c"] }, g2: { name: "New", nodes: ["a", "b"] } });
  draft = apply(draft, joinGroupOps(draft, "g2", ["c"])).draft;
  assert.deepEqual(draft.layout.groups, { g2: { name: "New", nodes: ["a", "b", "c"] } });
  assert.deepEqual(apply(draft, leaveOps(draft, ["a", "b", "c"])).draft.layout.groups, {});
});

test("notes and frames written by hand in another way are left out, never an error", () => {
  for (const part of [null, 1, "x", [], { n1: null, n2: 3, n3: [] }]) {
    assert.equal(notesOf({ layout: { notes: part } }).size, 0);
    assert.equal(groupsOf({ nodes: {}, layout: { groups: part } }).size, 0);
  }
  const odd = notesOf({ layout: { notes: { n1: { text: 7, at: ["a", 1], size: [1, -5] } } } }).get("n1");
  assert.deepEqual([odd.text, odd.x, odd.y], ["", 0, 0]);
  assert.ok(odd.w > 50 && odd.h > 20);
  assert.equal(groupsOf({ nodes: { a: {} }, layout: { groups: { g1: { name: "G", nodes: ["gone"] } } } }).size, 0);
});

test("copied nodes bring their frame and the chosen notes under free names", () => {
  const doc = made();
  const text = copyText(doc, scene(doc), new Set(["b", "c"]), new Set(["note:n1"]));
  const pasted = pasteOps(text, doc, [500, 500], scene(doc).solid());
  const { draft } = apply(doc, pasted.ops);
  assert.deepEqual(pasted.ids, ["b_2", "c_2"]);
  assert.deepEqual(pasted.extras, ["note:n3", "group:g2"]);
  assert.deepEqual(draft.layout.groups.g2, { name: "G", nodes: ["b_2", "c_2"] });
  assert.equal(draft.layout.notes.n3.text, "hi");
  assert.ok(draft.wires.includes("b_2 -> c_2"));
  assert.equal(pasteOps("some other text", doc, [0, 0], []), null);
});

test("aligned and distributed", () => {
  const boxes = new Map([["a", [0, 0, 200, 82]], ["b", [50, 100, 200, 82]], ["c", [90, 400, 200, 82]]]);
  assert.deepEqual(align(boxes, "left"), { a: [0, 0], b: [0, 100], c: [0, 400] });
  assert.deepEqual(align(boxes, "right"), { a: [90, 0], b: [90, 100], c: [90, 400] });
  assert.deepEqual(align(boxes, "center").b, [45, 100]);
  assert.deepEqual(align(boxes, "bottom").a, [0, 400]);
  assert.deepEqual(distribute(boxes, "y"), { a: [0, 0], b: [50, 200], c: [90, 400] });
  assert.deepEqual(distribute(new Map([...boxes].slice(0, 2)), "x"), {});
});

test("everybody has a colour, and the one who edits a node is named on it", () => {
  assert.equal(colourOf("tab-1"), colourOf("tab-1"));
  const people = [{ id: "1", name: "anna", node: "a", selected: ["a", "b"] }, { id: "2", name: "ben", node: "", selected: ["a"] }];
  const found = peopleByNode(people);
  assert.deepEqual([found.get("a").name, found.get("a").edits], ["anna", true]);
  assert.deepEqual([found.get("b").colour, found.get("b").edits], [colourOf("1"), false]);
  assert.equal(peopleByNode([]).size, 0);
});

test("what lies behind a wire gives way to a node put into it, and only that", () => {
  const it = scene();
  const { at, places } = roomFor(it, "b -> c", "new", [440, 0]);
  assert.deepEqual(at, [548, 0]);
  // a wire's length between each two, on the grid; what lies before stays
  assert.deepEqual(places, { c: [800, 0], d: [1100, 0] });
  // far from both there is room already
  assert.deepEqual(roomFor(it, "b -> c", "new", [440, 300]), { at: [440, 300], places: {} });
  // the dragged node is not pushed by itself
  assert.deepEqual(Object.keys(roomFor(it, "a -> b", "c", [240, 0]).places), ["b"]);
});

const seen = (it) => Object.fromEntries([...it.nodes.values()].map(({ id, x, y }) => [id, [x, y]]));

test("undo of the first move in a flow without places brings back what was seen, redo what was done", () => {
  const { layout, ...bare } = made();
  const it = scene(bare);
  const before = seen(it);
  const move = apply(bare, pinned(it, moveOps({ b: [304, 504] })));
  it.take(move.draft);
  assert.deepEqual(seen(it), { ...before, b: [304, 504] }, "the others stay where they are");
  assert.deepEqual(move.draft.layout.nodes, seen(it), "another browser sees the same");
  const back = apply(move.draft, move.inverse);
  it.take(back.draft);
  assert.deepEqual([back.draft, seen(it)], [bare, before]);
  it.take(apply(back.draft, back.inverse).draft);
  assert.deepEqual(seen(it), { ...before, b: [304, 504] });
});

test("nodes without places stay where they were seen while the flow is edited", () => {
  const { layout, ...bare } = made({ wires: ["a -> b"] });
  const it = scene(bare);
  const before = seen(it);
  it.take(apply(bare, [{ op: "add_wire", wire: "b -> c" }]).draft);
  assert.deepEqual(seen(it), before);
  const { draft } = apply(bare, pinned(it, [{ op: "add_node", id: "e", node: { type: "log" }, at: [0, 0] }]));
  it.take(draft);
  assert.deepEqual(seen(it), { ...before, e: [0, 0] });
  assert.deepEqual(pinned(it, [{ op: "add_wire", wire: "b -> c" }]).length, 1, "an edit that places nothing leaves the file's layout alone");
});

test("what waits before a node is told by one wire into it, or by the node if it has none", () => {
  const it = scene(made({ wires: ["a -> d", "b -> d", "b -> c"] }));
  assert.deepEqual([...it.wires.values()].map(({ text, first }) => [text, first]), [["a -> d", true], ["b -> d", false], ["b -> c", true]]);
  assert.deepEqual([...it.nodes.values()].filter(({ fed }) => fed).map(({ id }) => id), ["c", "d"]);
  it.take(made({ wires: ["b -> d", "b -> c"] }));
  assert.equal(it.wires.get("b -> d").first, true);
});

test("what is pasted goes to free ground beside what lies at the spot", () => {
  const it = scene();
  const text = copyText(it.doc, it, new Set(["a", "b"]), new Set(["note:n1"]));
  let { doc } = it;
  const before = touching(it);
  for (const spot of [[400, 40], [400, 40], [100, 40]]) {
    const pasted = pasteOps(text, doc, spot, it.solid());
    doc = apply(doc, pasted.ops).draft;
    it.take(doc);
    assert.deepEqual(touching(it), before, `at ${spot}`);
  }
  const free = pasteOps(text, doc, [9000, 9000], it.solid());
  const [x, y, w, h] = around([...scene(apply(doc, free.ops).draft).things(free.ids, new Set(free.extras)).values()]);
  assert.deepEqual([x + w / 2, y + h / 2].map((at) => Math.abs(at - 9000) < 8), [true, true], "its middle is there");
});

/** Nodes and notes that share a spot. */
function touching(it) {
  const boxes = [...it.things(it.nodes.keys(), new Set([...it.notes.keys()].map((id) => `note:${id}`)))];
  return boxes.flatMap(([one, box], index) => boxes.slice(index + 1).filter(([, other]) => overlap(box, other)).map(([other]) => `${one} on ${other}`));
}

test("a block goes the shortest way to free ground", () => {
  const wall = [0, 0, 200, 82];
  assert.deepEqual(freeShift([500, 0, 200, 82], [wall], 24), [0, 0]);
  assert.deepEqual(freeShift([150, 0, 200, 82], [wall], 24), [80, 0]);
  assert.deepEqual(freeShift([0, 60, 200, 82], [wall], 24), [0, 48]);
  assert.deepEqual(freeShift([0, -60, 200, 82], [wall], 24), [0, -48]);
  // what stands in the way there, too, is passed
  assert.deepEqual(freeShift([0, 60, 200, 82], [wall, [0, 110, 200, 400], [230, 0, 200, 900], [-330, -900, 290, 2000]], 24), [0, -168]);
});

test("the frame of the small map is whole, wherever one looks", () => {
  const sheet = [180, 116];
  assert.deepEqual(clipped([20, 30, 50, 40], sheet), [20, 30, 50, 40]);
  assert.deepEqual(clipped([-50, -50, 400, 400], sheet), [2, 2, 176, 112]);
  assert.deepEqual(clipped([-50, 30, 100, 400], sheet), [2, 30, 48, 84]);
  // one looks beside all there is
  assert.deepEqual(clipped([900, -300, 100, 100], sheet), [172, 2, 6, 6]);
});

test("new nodes are called as their type, copies like their original, each once", () => {
  const types = { "sql.write": { kind: "sink", title: "SQL write", ports: [] } };
  const it = new Scene(types);
  let doc = { nodes: {}, wires: [] };
  const editor = { types, scene: it, get draft() { return { doc }; }, commit: (ops) => ((doc = apply(doc, ops).draft), it.take(doc), true) };
  assert.equal(addNode(editor, "sql.write", [0, 0]), "sql_write");
  assert.equal(addNode(editor, "sql.write", [0, 400]), "sql_write_2");
  editor.commit(pasteOps(copyText(doc, it, new Set(["sql_write"])), doc, [0, 900], []).ops);
  const named = Object.entries(doc.nodes).map(([id, { name }]) => [id, name]);
  assert.deepEqual(named, [["sql_write", "SQL write"], ["sql_write_2", "SQL write 2"], ["sql_write_3", "SQL write 3"]]);
});

test("sinks show what they were given, by the wires that lead to them", () => {
  const types = { ...TYPES, "sql.write": { kind: "sink", ports: [] } };
  const it = new Scene(types);
  it.take({ nodes: { a: { type: "inject" }, b: { type: "filter" }, s: { type: "sql.write" }, l: { type: "log" } }, wires: ["a -> b", "b -> s", "b.error -> s", "b -> l"] });
  assert.deepEqual(toWatch(it, ["s"]), ["b"]);
  assert.deepEqual(toWatch(it, ["a", "b", "s", "l"]), ["a", "b", "l"]);
  const values = [{ node: "a", port: "out", text: "1" }, { node: "b", port: "out", text: "2" }, { node: "b", port: "error", text: "3" }, { node: "b", port: "other", text: "4" }];
  const told = (ids) => messagesOf(it, ids, values).map(({ node, text, given = false }) => [node, text, given]);
  assert.deepEqual(told(["s"]), [["s", "2", true], ["s", "3", true]]);
  assert.deepEqual(told(["b", "s"]), [["b", "2", false], ["s", "2", true], ["b", "3", false], ["s", "3", true], ["b", "4", false]]);
});

test("a node that filters says how much", () => {
  const words = { went_on: "{count} went on", filtered: "{count} filtered" };
  assert.deepEqual(wentOn({ out: 184, filtered: 53 }, words), ["184 went on", "53 filtered"]);
  assert.deepEqual(wentOn({ out: 184, filtered: 0 }, words), []);
});
