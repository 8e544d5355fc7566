// Nodes, notes and frames of the open flow are found by what they say, and say where.
import assert from "node:assert/strict";
import test from "node:test";
import { below, findHere } from "../../flowhost/ui/editor/js/found.js";

const doc = {
  nodes: {
    values: { type: "opcua.subscribe", name: "Boiler", connection: "plc", config: { items: [{ node: "nsu=line;s=Speed" }], sampling_ms: 250 } },
    out: { type: "log" },
  },
  layout: { notes: { n1: { text: "Ask the shift lead" }, n2: { text: "" } }, groups: { g1: { name: "Line 7", nodes: ["values"] } } },
};
const types = { "opcua.subscribe": { title: "OPC UA subscribe", fields: [{ name: "items", title: "Items", fields: [{ name: "node", title: "Node" }] }, { name: "sampling_ms", title: "Sampling", fields: [] }] } };
const words = { found_note: "Note", found_frame: "Frame", found_flow: "Flow" };
const found = (text) => findHere(doc, text).map((hit) => [hit.node, below(hit, types, words)]);

test("settings are called as the form calls them", () => {
  assert.deepEqual(found("speed"), [["values", "Items 1 Node: nsu=line;s=Speed"]]);
  assert.deepEqual(found("boiler SAMPLING"), [["values", "Sampling: 250"]]);
  assert.deepEqual(found("plc"), [["values", "values · opcua.subscribe"]]);
  assert.deepEqual(found("boiler nothing"), []);
});

test("notes and frames are found by their text", () => {
  assert.deepEqual(found("shift LEAD"), [["note:n1", "Note"]]);
  assert.deepEqual(found("line 7"), [["group:g1", "Frame"]]);
  assert.deepEqual(findHere(doc, "").map(({ node }) => node), ["values", "out", "note:n1", "group:g1"]);
});

test("hits of other flows say which", () => {
  const node = { kind: "node", node: "a", type: "opcua.subscribe", place: ["config", "items", 0, "node"], value: "s=1", flow_name: "Line 2" };
  assert.equal(below(node, types, words), "Line 2 · Items 1 Node: s=1");
  assert.equal(below({ ...node, place: [], value: "" }, types, words), "Line 2 · OPC UA subscribe");
  assert.equal(below({ kind: "note", node: "note:n1", flow_name: "Line 2" }, types, words), "Line 2 · Note");
  assert.equal(below({ kind: "flow", node: "", flow_name: "Line 2", value: "What it is for" }, types, words), "Flow · What it is for");
});
