// What is typed into a field and cannot be read; numbers or names as people write them.
import assert from "node:assert/strict";
import test from "node:test";
import { kindOf, namesOf, shownNames } from "../../flowhost/ui/editor/js/fieldkinds.js";
import { Findings } from "../../flowhost/ui/editor/js/problems.js";
import { Unread } from "../../flowhost/ui/editor/js/unread.js";

const types = { generate: { fields: [{ name: "tags", title: "Tags" }] } };
const doc = (tags) => ({ nodes: { g: { type: "generate", config: { tags } } } });

test("a text that cannot be read counts until its field is another or put back", () => {
  const findings = new Findings();
  let news = 0;
  findings.unread.changed = () => news++;
  const fields = findings.unread.within(["nodes", "g"]);
  fields.put(["config", "tags"], 3, "[temp", "no names");
  fields.put(["config", "tags"], 3, "[temp", "no names");
  assert.equal(news, 1, "said once");
  const [found, ...more] = findings.of([], doc(3), types, {});
  assert.deepEqual([found.place, found.severity, found.line, found.calm], ["nodes.g.config.tags", "error", "Tags: no names", false]);
  assert.deepEqual(more, []);
  assert.equal(fields.at(["config", "tags"], 3).text, "[temp");
  assert.deepEqual(findings.of([], doc(4), types, {}), [], "somebody set another value");
  assert.deepEqual(findings.of([], { nodes: {} }, types, {}), [], "the node is gone");
  fields.drop(["config", "tags"]);
  assert.equal(news, 2);
  assert.deepEqual(findings.of([], doc(3), types, {}), []);
});

test("a text to be read by people has lines of its own", () => {
  assert.deepEqual(kindOf({ type: "text", widget: "lines" }), { shape: "line", long: true, prose: true });
  assert.deepEqual(kindOf({ type: "text", widget: "" }), { shape: "line" });
});

test("half a row waits whatever becomes of the other rows", () => {
  const unread = new Unread();
  unread.put(["config", "columns"], null, ["", "payload.a"], "no name");
  assert.deepEqual(unread.standing(() => ({ b: "payload.b" })), [{ place: "config.columns", message: "no name" }]);
});

test("a number or names, as people write them", () => {
  assert.equal(namesOf(" 3 "), 3);
  assert.deepEqual(namesOf("temp, pressure,"), ["temp", "pressure"]);
  assert.deepEqual(namesOf('["a, b"]'), ["a, b"]);
  assert.equal(namesOf(" "), undefined);
  assert.throws(() => namesOf("[temp"));
  for (const value of [3, ["temp"], ["temp", "pressure"], ["a, b"], ["3"], ["[x"]]) assert.deepEqual(namesOf(shownNames(value)), value);
  assert.equal(shownNames(["temp", "pressure"]), "temp, pressure");
});

test("what a field takes decides how it is shown", () => {
  assert.equal(kindOf({ type: "whole number or list of text" }).shape, "names");
  const own = kindOf({ type: "true or false or object of 'text' or 'real'" });
  assert.deepEqual([own.shape, own.item.options], ["ownOr", ["text", "real"]]);
});
