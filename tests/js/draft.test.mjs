// Edits of several tabs come together the same way everywhere; nothing made offline is lost.
import assert from "node:assert/strict";
import test from "node:test";
import { Draft } from "../../flowhost/ui/editor/js/draft.js";
import { OpError, apply } from "../../flowhost/ui/editor/js/ops.js";

const DOC = { flowhost: 1, id: "f", nodes: { a: { type: "inject" }, b: { type: "log" } }, wires: ["a -> b"] };
const add = (id) => [{ op: "add_node", id, node: { type: "log" } }];
const name = (value) => [{ op: "set", path: ["name"], value }];

/** A host that does what the real one does with batches. */
class Host {
  constructor() {
    Object.assign(this, { doc: DOC, rev: 0, log: [], seen: new Map(), tabs: [] });
  }

  tab() {
    const told = [];
    const tab = { told, line: [], draft: null };
    tab.draft = new Draft({ send: (batch) => tab.line.push(batch), changed: () => {}, tell: (text) => told.push(text) });
    tab.draft.take(this.rev, this.doc);
    tab.inbox = [];
    this.tabs.push(tab);
    return tab;
  }

  /** Take the oldest batch of a tab's line. */
  serve(tab) {
    const batch = tab.line.shift();
    if (!batch) return;
    if (this.seen.has(batch.id)) return void tab.inbox.push({ t: "ack", id: batch.id });
    try {
      this.doc = apply(this.doc, batch.ops).draft;
    } catch (error) {
      assert.ok(error instanceof OpError);
      return void tab.inbox.push({ t: "nack", id: batch.id, reason: error.message });
    }
    this.rev += 1;
    this.seen.set(batch.id, this.rev);
    for (const other of this.tabs) other.inbox.push({ t: "ops", rev: this.rev, id: batch.id, ops: batch.ops, by: "x" });
  }

  /** Let a tab read the oldest frame. */
  deliver(tab) {
    const frame = tab.inbox.shift();
    if (!frame) return;
    if (frame.t === "ops") tab.draft.confirmed(frame);
    else if (frame.t === "ack") tab.draft.acknowledged(frame.id);
    else tab.draft.refused(frame.id, frame.reason);
  }

  settle() {
    while (this.tabs.some((tab) => tab.line.length || tab.inbox.length)) {
      for (const tab of this.tabs) {
        this.serve(tab);
        this.deliver(tab);
      }
    }
  }
}

test("an edit shows at once and is confirmed without showing twice", () => {
  const host = new Host();
  const tab = host.tab();
  assert.equal(tab.draft.commit(add("c")), true);
  assert.ok("c" in tab.draft.doc.nodes);
  const shown = tab.draft.doc;
  host.settle();
  assert.equal(tab.draft.doc, shown);
  assert.deepEqual([tab.draft.rev, tab.draft.pending.length], [1, 0]);
});

test("an edit that does not fit is refused here, and nothing is sent", () => {
  const tab = new Host().tab();
  assert.equal(tab.draft.commit([{ op: "add_wire", wire: "b -> a" }]), false);
  assert.match(tab.told[0], /circle/);
  assert.equal(tab.line.length, 0);
});

test("what somebody else did first stays under an edit of this tab", () => {
  const host = new Host();
  const [one, two] = [host.tab(), host.tab()];
  one.draft.commit(name("one"));
  two.draft.commit(name("two"));
  host.settle();
  assert.equal(host.doc.name, "two");
  assert.deepEqual(one.draft.doc, host.doc);
  assert.deepEqual(two.draft.doc, host.doc);
});

test("an edit of what somebody else deleted is given up and told", () => {
  const host = new Host();
  const [one, two] = [host.tab(), host.tab()];
  one.draft.commit([{ op: "del_node", id: "b" }]);
  two.draft.commit([{ op: "set", path: ["nodes", "b", "name"], value: "B" }]);
  host.settle();
  assert.deepEqual(two.draft.doc, host.doc);
  assert.match(two.told.join(), /no node 'b'/);
});

test("undo takes back this tab's step only, redo does it again", () => {
  const host = new Host();
  const [one, two] = [host.tab(), host.tab()];
  one.draft.commit(add("c"), { label: "add c" });
  two.draft.commit(add("d"));
  host.settle();
  assert.equal(one.draft.undo(), "add c");
  host.settle();
  assert.deepEqual(Object.keys(host.doc.nodes), ["a", "b", "d"]);
  one.draft.redo();
  host.settle();
  assert.ok("c" in two.draft.doc.nodes);
  assert.equal(two.draft.undo(), "");
  assert.equal(two.draft.undo(), null);
});

test("edits with the same mark are one step of undo", () => {
  const tab = new Host().tab();
  for (const value of ["x", "xy", "xyz"]) tab.draft.commit(name(value), { merge: "name" });
  tab.draft.commit(name("other"), { merge: "name2" });
  tab.draft.undo();
  assert.equal(tab.draft.doc.name, "xyz");
  tab.draft.undo();
  assert.equal(tab.draft.doc.name, undefined);
});

test("undo of what is gone does the rest and says so", () => {
  const host = new Host();
  const [one, two] = [host.tab(), host.tab()];
  one.draft.commit([{ op: "set", path: ["nodes", "b", "name"], value: "B" }, ...name("N")]);
  host.settle();
  two.draft.commit([{ op: "del_node", id: "b" }]);
  host.settle();
  one.draft.undo();
  assert.equal(one.draft.doc.name, undefined);
  assert.match(one.told.join(), /somebody else removed it/);
});

test("edits made while the line was down survive a reload and are sent again", () => {
  const host = new Host();
  const one = host.tab();
  one.draft.commit(add("c"));
  const kept = JSON.parse(JSON.stringify(one.draft.keep()));
  host.serve({ line: [structuredClone(kept.pending[0])], inbox: [] }); // it had arrived, the answer was lost
  const two = host.tab();
  two.draft.restore(kept);
  two.draft.take(0, DOC);
  for (const frame of one.inbox) two.draft.confirmed(frame);
  assert.equal(two.draft.unsent().length, 0);
  assert.ok("c" in two.draft.doc.nodes);
  two.draft.undo();
  assert.ok(!("c" in two.draft.doc.nodes));
});

test("many tabs, any order of lines: all end with the same draft", () => {
  const seed = Number(process.env.FLOWHOST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  let state = seed >>> 0;
  const random = (below) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 100; round += 1) {
    const host = new Host();
    const tabs = [host.tab(), host.tab(), host.tab()];
    const ids = ["a", "b", "c", "d"];
    const edits = [
      () => add(ids[random(4)]),
      () => [{ op: "del_node", id: ids[random(4)] }],
      () => [{ op: "set", path: ["nodes", ids[random(4)], "config", "x"], value: random(9) }],
      () => [{ op: "add_wire", wire: `${ids[random(4)]} -> ${ids[random(4)]}` }],
      () => [{ op: "move", at: { [ids[random(4)]]: [random(9), random(9)] } }],
    ];
    for (let step = 0; step < 60; step += 1) {
      const tab = tabs[random(3)];
      [() => tab.draft.commit(edits[random(5)]()), () => host.serve(tab), () => host.deliver(tab), () => tab.draft.undo()][random(4)]();
    }
    host.settle();
    for (const tab of tabs) assert.deepEqual(tab.draft.doc, host.doc, `seed ${seed}, round ${round}`);
  }
});

/** What a host tells every tab when somebody puts another version on the canvas. */
function put(host, ops, id = "v1") {
  const { draft, inverse } = apply(host.doc, ops);
  Object.assign(host, { doc: draft, rev: host.rev + 1 });
  host.seen.set(id, host.rev);
  for (const tab of host.tabs) tab.inbox.push({ t: "ops", rev: host.rev, id, ops, by: "x", way_back: { ops: inverse, put: 1 } });
  host.settle();
}

test("a version put on the canvas is one step of undo in every tab, and undone once", () => {
  const host = new Host();
  const [one, two] = [host.tab(), host.tab()];
  two.draft.commit(name("two"));
  host.settle();
  put(host, [{ op: "del_node", id: "b" }, { op: "unset", path: ["name"] }]);
  assert.deepEqual(Object.keys(one.draft.doc.nodes), ["a"]);
  assert.equal(one.draft.undo(), "version");
  host.settle();
  assert.deepEqual([host.doc.name, Object.keys(host.doc.nodes)], ["two", ["a", "b"]]);
  assert.deepEqual(two.draft.doc, host.doc);
  assert.equal(two.draft.undo(), "", "the next is this tab's own step");
  assert.equal(two.draft.doc.name, undefined);
  one.draft.redo();
  host.settle();
  assert.deepEqual(Object.keys(two.draft.doc.nodes), ["a"]);
});

test("two tabs that undo a version at once undo it once", () => {
  const host = new Host();
  const [one, two] = [host.tab(), host.tab()];
  put(host, [{ op: "del_node", id: "b" }]);
  one.draft.undo();
  two.draft.undo();
  host.settle();
  assert.deepEqual(host.doc, DOC);
  for (const { draft, told } of [one, two]) assert.deepEqual([draft.doc, draft.pending, told], [host.doc, [], []]);
});

test("who comes later, or again, is offered the step once", () => {
  const tab = new Host().tab();
  assert.equal(tab.draft.offer("v1", name("before")), true);
  const kept = JSON.parse(JSON.stringify(tab.draft.keep()));
  const again = new Host().tab();
  again.draft.restore(kept);
  assert.equal(again.draft.offer("v1", name("before")), false);
  again.draft.undo();
  assert.equal(again.draft.doc.name, "before");
});

test("an edit that came too late says who was faster and what it held", () => {
  const lost = [];
  const host = new Host();
  const [one, two] = [host.tab(), host.tab()];
  two.draft.lost = (what) => lost.push(what);
  one.draft.commit([{ op: "del_node", id: "b" }]);
  two.draft.commit([{ op: "set", path: ["nodes", "b", "name"], value: "B" }]);
  host.settle();
  assert.equal(lost.length, 1);
  assert.deepEqual([lost[0].by, lost[0].ops[0].value, "b" in lost[0].before.nodes], ["x", "B", true]);
});
