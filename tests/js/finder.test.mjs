// Node types are found by what people type, the plugin they came in among it.
import assert from "node:assert/strict";
import test from "node:test";
import { findTypes } from "../../flowhost/ui/editor/js/finder.js";

const type = (id, title, more = {}) => ({ type: id, title, keywords: [], summary: "", plugin: "flowhost", ...more });
const types = [
  type("log", "Log", { summary: "Writes what comes from mqtt" }),
  type("opcua.subscribe", "OPC UA subscribe", { plugin: "flowhost-opcua" }),
  type("scale.read", "Read scale", { plugin: "acme-mqtt-scales" }),
];
const found = (words) => findTypes(types, words).map((one) => one.type);

test("a plugin's name finds what it brings, and goes before words of a summary", () => {
  assert.deepEqual(found("flowhost-opcua"), ["opcua.subscribe"]);
  assert.deepEqual(found("acme"), ["scale.read"]);
  assert.deepEqual(found("mqtt"), ["scale.read", "log"]);
  assert.deepEqual(found("nothing"), []);
});
