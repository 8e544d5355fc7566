// What is wrong with a draft, in words for those who draw; names of fields; units as people write them.
import assert from "node:assert/strict";
import test from "node:test";
import { codeOf, kindOf } from "../../flowhost/ui/editor/js/fieldkinds.js";
import { Findings, fieldTitle, plainText, placeOf, stepsOf } from "../../flowhost/ui/editor/js/problems.js";
import { named, titlesOf } from "../../flowhost/ui/editor/js/prose.js";
import { failing, silent } from "../../flowhost/ui/editor/js/trouble.js";

const filter = { fields: [{ name: "where", title: "Where", fields: [] }, { name: "rules", title: "Rules", fields: [{ name: "port", title: "Port" }] }] };
const words = { "problem_missing-field": "Fill in “{field}”.", "problem_unwired-port": "Nothing at “{name}”.", "problem_unwired-port_warning": "It ends at “{name}”." };
const missing = { place: "nodes.f.config.where", message: "'where' is missing: Messages go on", code: "missing-field", severity: "error" };

test("places and their steps lead into each other", () => {
  for (const place of ["nodes.f.config.rules[0].port", "nodes.f", "wires[3]"]) assert.equal(placeOf(stepsOf(place)), place);
  assert.equal(fieldTitle(filter, "config.rules[0].port"), "Rules 1 Port");
  assert.equal(fieldTitle(filter, ""), "");
});

test("frequent findings have a sentence of their own, others no keys of files", () => {
  const port = { place: "nodes.f", message: "port 'out' leads nowhere; add a wire 'f -> ...'", code: "unwired-port", severity: "error" };
  assert.equal(plainText(missing, filter, words), "Fill in “Where”.");
  assert.equal(plainText(port, filter, words), "Nothing at “out”.");
  assert.equal(plainText({ ...port, severity: "warning" }, filter, words), "It ends at “out”.");
  assert.equal(plainText({ place: "nodes.f.config", message: "give `where` or `else`", code: "wrong-value", severity: "error" }, filter, words), "Give “Where” or `else`");
});

test("a new node lacks things calmly until it was worked on and left, or is to be deployed", () => {
  const findings = new Findings();
  const doc = { nodes: { f: { type: "filter" } } };
  const calm = () => findings.of([missing], doc, { filter }, words).map((one) => one.calm);
  assert.deepEqual(calm(), [false]);
  findings.added("f");
  assert.deepEqual(calm(), [true]);
  assert.equal(findings.left("f"), false, "nobody touched it");
  assert.deepEqual(calm(), [true]);
  findings.touched.add("f");
  assert.deepEqual(calm(), [true]);
  assert.equal(findings.left("f"), true);
  assert.deepEqual(calm(), [false]);
  findings.added("f");
  assert.equal(findings.all(), true);
  assert.deepEqual(calm(), [false]);
});

test("what lint said of an empty field does not outlive its being filled", () => {
  const findings = new Findings();
  const doc = { nodes: { f: { type: "filter", config: { where: "true" } } } };
  assert.deepEqual(findings.of([missing], doc, { filter }, words), []);
});

test("what the last message showed stays a warning for as long as the text stands", () => {
  const findings = new Findings();
  const steps = ["nodes", "f", "config", "where"];
  const doc = (where) => ({ nodes: { f: { type: "filter", config: { where } } } });
  assert.equal(findings.note(steps, "payload.valeu > 1", "payload.valeu is missing"), true);
  assert.equal(findings.note(steps, "payload.valeu > 1", "payload.valeu is missing"), false, "no news");
  const [seen] = findings.of([], doc("payload.valeu > 1"), { filter }, words);
  assert.deepEqual([seen.place, seen.severity, seen.line], ["nodes.f.config.where", "warning", "Where: payload.valeu is missing"]);
  assert.deepEqual(findings.of([], doc("payload.value > 1"), { filter }, words), []);
  assert.equal(findings.note(steps, "payload.valeu > 1", ""), true);
  assert.deepEqual(findings.of([], doc("payload.valeu > 1"), { filter }, words), []);
});

test("nodes are in trouble while they are down, cut off, or fail", () => {
  const seen = new Map();
  const at = (state, errors, down = false) => new Map([["f:", {}], ["n:a", { state, errors, down }]]);
  assert.deepEqual(failing(at("running", 7), seen, 0), [], "errors from before are no news");
  assert.deepEqual(failing(at("running", 8), seen, 1000), ["a"]);
  assert.deepEqual(failing(at("running", 8), seen, 30_000), ["a"]);
  assert.deepEqual(failing(at("running", 8), seen, 70_000), []);
  assert.deepEqual(failing(at("retrying", 8), seen, 70_000), ["a"]);
  assert.deepEqual(failing(at("running", 8, true), seen, 70_000), ["a"]);
  assert.deepEqual(failing(at("idle", 8, true), seen, 70_000), []);
});

test("what the host saw dying is trouble at the first look, however often the page is opened", () => {
  const figures = new Map([["n:a", { state: "running", errors: 12, dying: true }], ["n:b", { state: "running", errors: 12, dying: false }]]);
  assert.deepEqual(failing(figures, new Map(), 0), ["a"]);
});

test("units are taken in common spellings", () => {
  const units = [{ code: "Cel", spellings: ["°C"] }, { code: "m3/h", spellings: ["m³/h"] }];
  assert.deepEqual([" °C ", "Cel", "m³/h", "furlong"].map((text) => codeOf(text, units)), ["Cel", "Cel", "m3/h", "furlong"]);
});

test("what is neither on nor off by itself can be left to the node", () => {
  const kind = (more) => kindOf({ type: "true or false", widget: "", fields: [], ...more });
  assert.equal(kind({ default: false }).shape, "flag");
  assert.deepEqual(kind({ default: null }), { shape: "choice", options: [true, false] });
  assert.equal(kindOf({ type: "'block' or 'block'", widget: "" }).options.length, 1);
  assert.equal(kindOf({ type: "expression", widget: "condition" }).condition, true);
});

test("a source that leads to a target says when nothing has come", () => {
  const since = "2026-01-01T10:36:00Z";
  const later = Date.parse(since) + 60_000;
  const source = { kind: "source", connection: "mqtt.broker" };
  const quiet = { state: "running", total: 0 };
  assert.equal(silent(source, quiet, since, later), true);
  assert.equal(silent(source, quiet, since, Date.parse(since) + 2000), false, "it has only begun");
  assert.equal(silent(source, { ...quiet, total: 1 }, since, later), false);
  assert.equal(silent(source, { ...quiet, state: "retrying" }, since, later), false, "its card says why");
  assert.equal(silent({ kind: "source", connection: null }, quiet, since, later), false, "a schedule may be silent");
  assert.equal(silent(source, quiet, "", later), false);
});

test("sentences call fields as the form does, and leave code and choices alone", () => {
  const facts = [
    { name: "set", title: "Fields to set", type: "object of expression", fields: [] },
    { name: "keep", title: "Keep", type: "true or false", fields: [] },
    { name: "tags", title: "Tags", type: "list of object", fields: [{ name: "type", title: "Type", type: "'bit' or 'int16'", fields: [] }, { name: "bit", title: "Bit", type: "whole number", fields: [] }] },
  ];
  const titles = titlesOf(facts);
  assert.equal(named("`set` adds to them; `x == 1` is code", titles), "“Fields to set” adds to them; `x == 1` is code");
  assert.equal(named("give `set`, or `keep: true`", titles), "give “Fields to set”, or “Keep” (on)");
  assert.equal(named("of `type` always `bit`", titles), "of “Type” always `bit`");
});

test("signs of one letter are choices, the apostrophe too", () => {
  assert.deepEqual(kindOf({ type: `'' or '.' or ' ' or "'"`, widget: "" }), { shape: "choice", options: ["", ".", " ", "'"] });
});
