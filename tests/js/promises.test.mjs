// Which paths lead over a wire.
import assert from "node:assert/strict";
import test from "node:test";
import { pathsOver } from "../../flowhost/ui/editor/js/promises.js";

const wire = (source, target, port = "out") => ({ source, port, target });
const wires = [wire("a", "m"), wire("b", "m"), wire("m", "x"), wire("b", "y"), wire("m", "y", "error"), wire("y", "z")];
const path = (source, sink, failed = false) => ({ source, sink, failed });
const paths = [path("a", "x"), path("b", "x"), path("b", "y"), path("a", "y", true), path("a", "z", true)];

test("a path leads over a wire if its source is before and its sink behind it", () => {
  assert.deepEqual(pathsOver(paths, wires, wires[0]), [path("a", "x")]);
  assert.deepEqual(pathsOver(paths, wires, wires[2]), [path("a", "x"), path("b", "x")]);
  assert.deepEqual(pathsOver(paths, wires, wires[3]), [path("b", "y")]);
});

test("over the wire of an error port go failed messages, and over what only they reach", () => {
  assert.deepEqual(pathsOver(paths, wires, wires[4]), [path("a", "y", true), path("a", "z", true)]);
  assert.deepEqual(pathsOver(paths, wires, wires[5]), [path("a", "z", true)]);
});
