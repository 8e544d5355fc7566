// Where nodes stand in the text of a flow, and what Tab does to it.
import assert from "node:assert/strict";
import test from "node:test";
import { indented, indexAt, nodeAtLine, nodeLines } from "../../flowhost/ui/editor/js/yamltext.js";

const LINES = ["flowhost: 1", "nodes:", "  a:", "    type: log", "", "  # about b", "  b:", "    type: log", "wires:", "  - a -> b", "layout:", "  nodes:", "    a: [1, 2]"];

test("nodes are found by their lines", () => {
  assert.deepEqual([...nodeLines(LINES)], [["a", [3, 6]], ["b", [7, 8]]]);
  assert.equal(nodeAtLine(LINES, 4), "a");
  assert.equal(nodeAtLine(LINES, 8), "b");
  assert.equal(nodeAtLine(LINES, 10), null);
  assert.equal(nodeAtLine(LINES, 13), null);
  assert.equal(nodeLines(["nodes: {}", "  a:"]).size, 0);
});

test("a line and column is an index", () => {
  assert.equal(indexAt("ab\ncd", 2, 2), 4);
  assert.equal(indexAt("ab\ncd", 9, 9), 5);
  assert.equal(indexAt("ab", 1, 1), 0);
});

test("Tab moves the lines of a selection, Shift and Tab moves them back", () => {
  const text = "a:\nb:\n  c: 1";
  assert.deepEqual(indented(text, 1, 4, false), { text: "  a:\n  b:\n  c: 1", start: 3, end: 8 });
  assert.deepEqual(indented("  a:\n  b:", 3, 8, true), { text: "a:\nb:", start: 1, end: 4 });
  assert.equal(indented("a", 0, 0, true).text, "a");
});
