// Questions to the host, and values changed by path.
import assert from "node:assert/strict";
import test from "node:test";
import { Asks } from "../../flowhost/ui/editor/js/asks.js";
import { bareKind, completions, partsOf, pathsOf, wordAt } from "../../flowhost/ui/editor/js/complete.js";
import { asMessages } from "../../flowhost/ui/editor/js/samples.js";
import { changedAt } from "../../flowhost/ui/editor/js/paths.js";

const words = { line_lost: "no line", no_answer: "no answer" };

test("each question gets its own answer", async () => {
  const sent = [];
  const asks = new Asks((frame) => sent.push(frame) > 0, words);
  const [one, two] = [asks.ask("a", { x: 1 }), asks.ask("b", {})];
  assert.deepEqual(sent[0], { t: "ask", n: 1, what: "a", args: { x: 1 } });
  asks.take({ n: 2, ok: true, value: "second" });
  asks.take({ n: 1, ok: false, error: "wrong", place: "config.url" });
  asks.take({ n: 77, ok: true });
  assert.equal(await two, "second");
  await assert.rejects(one, (error) => error.message === "wrong" && error.place === "config.url");
});

test("a line that breaks ends all questions", async () => {
  const asks = new Asks(() => true, words);
  const asked = asks.ask("a", {});
  asks.lost();
  await assert.rejects(asked, /no line/);
  await assert.rejects(new Asks(() => false, words).ask("a", {}), /no line/);
});

test("values are changed by path and never in place", () => {
  const before = { config: { host: "a", tls: { ca_file: "x" }, topics: ["p", "q"] } };
  const kept = structuredClone(before);
  assert.deepEqual(changedAt(before, ["config", "host"], "b").config.host, "b");
  assert.deepEqual(Object.keys(changedAt(before, ["config", "host"], "b").config), ["host", "tls", "topics"]);
  assert.deepEqual(changedAt(before, ["config", "tls", "ca_file"], undefined).config, { host: "a", topics: ["p", "q"] });
  assert.deepEqual(changedAt(before, ["config", "topics", "0"], "z").config.topics, ["z", "q"]);
  assert.deepEqual(changedAt(before, ["config", "topics", "0"], undefined).config.topics, ["q"]);
  assert.deepEqual(changedAt({}, ["config", "a", "b"], 1), { config: { a: { b: 1 } } });
  assert.deepEqual(before, kept);
});

test("what could come next is known by name, field and function", () => {
  const known = { names: ["payload", "topic"], functions: [{ name: "coalesce", signature: "coalesce(a)", summary: "first" }], paths: pathsOf({ value: 1, deep: { "odd name": 2 }, temperature: 3 }) };
  const texts = (word) => completions(word, known).map((one) => one.text);
  assert.deepEqual(texts("pay")[0], "payload.value");
  assert.ok(texts("pay").includes('payload.deep["odd name"]'));
  assert.deepEqual(texts("payload.te"), ["payload.temperature"]);
  assert.deepEqual(texts("temp"), ["payload.temperature"]);
  assert.deepEqual(texts("coa"), ["coalesce("]);
  assert.deepEqual(texts("zz"), []);
});

test("words are found outside of quotes, and within the braces of a template", () => {
  assert.deepEqual(wordAt("1 + payload.va", 14), { word: "payload.va", start: 4 });
  assert.equal(wordAt("topic == 'pay", 13), null);
  assert.deepEqual(wordAt("x == 'a' and pay", 16), { word: "pay", start: 13 });
  assert.equal(wordAt("uns/top", 7, true), null);
  assert.deepEqual(wordAt("uns/{top", 8, true), { word: "top", start: 5 });
  assert.equal(wordAt("uns/{topic}/pay", 15, true), null);
});

test("what was typed as a sample becomes messages", () => {
  assert.deepEqual(asMessages('{"value": 1}'), [{ payload: { value: 1 } }]);
  assert.deepEqual(asMessages('{"topic": "a", "payload": 1}'), [{ topic: "a", payload: 1 }]);
  assert.deepEqual(asMessages('[{"payload": 1}, {"payload": 2}]'), [{ payload: 1 }, { payload: 2 }]);
  assert.deepEqual(asMessages("[1, 2]"), [{ payload: [1, 2] }]);
  assert.throws(() => asMessages("{"));
});

test("a payload without fields is called what it is, and the message's own parts are offered", () => {
  assert.deepEqual([4, "on", false, [1], null, { a: 1 }].map(bareKind), ["number", "text", "truth", "list", "nothing", ""]);
  const parts = partsOf({ payload: 21.5, topic: "line1/temp", quality: "good", time: "2026-01-01T00:00:00Z" });
  assert.deepEqual(parts.map(({ text }) => text), ["payload", "topic", "unit", "quality", "time", "key"]);
  assert.deepEqual(parts[0], { text: "payload", detail: "21.5" });
});
