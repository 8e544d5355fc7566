// What a sample did, on each card.
import assert from "node:assert/strict";
import test from "node:test";
import { sampleMarks } from "../../flowhost/ui/editor/js/samplemarks.js";

const words = { sample_in: "{count} in", sample_out: "{count} out", held: "{count} held", dead: "{count} dead", sample_mark: "Sample" };
const found = (more) => ({ node: "a", in: 0, dead: 0, pending: 0, errors: 0, error: "", outputs: [], ...more });
const marked = (kind, more) => sampleMarks([found(more)], () => kind, words).get("a");

test("a source makes, a sink takes, others do both", () => {
  const out = [{ port: "out", count: 3 }, { port: "high", count: 1 }, { port: "error", count: 9 }];
  assert.equal(marked("source", { outputs: out }).text, "4 out");
  assert.equal(marked("sink", { in: 4 }).text, "4 in");
  assert.equal(marked("transform", { in: 4, outputs: out }).text, "4 in · 4 out");
});

test("what did not go on says where it is, and why", () => {
  const mark = marked("transform", { in: 4, pending: 1, dead: 3, errors: 3, error: "no such field" });
  assert.deepEqual(mark, { text: "4 in · 0 out · 1 held · 3 dead", tone: "bad", title: "Sample: 4 in · 0 out · 1 held · 3 dead\nno such field" });
  assert.equal(marked("transform", {}).tone, "none", "nothing reached it");
});
