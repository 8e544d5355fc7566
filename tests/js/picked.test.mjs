// What a row becomes that was picked at the target.
import assert from "node:assert/strict";
import test from "node:test";
import { filled } from "../../flowhost/ui/editor/js/formlists.js";

test("what the target says of other fields is taken over, where there are such fields", () => {
  const fields = [{ name: "node", choices_from: "nodes" }, { name: "topic" }];
  const picked = { value: "s=T", fills: { topic: "Line1/T", unit: "Cel", node: "s=other" } };
  assert.deepEqual(filled(picked, fields[0], fields), { node: "s=T", topic: "Line1/T" });
  assert.deepEqual(filled({ value: "s=T" }, fields[0], fields), { node: "s=T" });
});
