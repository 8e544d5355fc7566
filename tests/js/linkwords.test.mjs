// What is said in a connection's dialog: as its form calls things, and once.
import assert from "node:assert/strict";
import test from "node:test";
import { inWords, once } from "../../flowhost/ui/editor/js/linkwords.js";

const kind = { fields: [{ name: "url", title: "URL", type: "text", fields: [] }] };
const words = { link_at_field: "“{field}” is not right yet" };
const problems = [{ place: "config.url", severity: "error", message: "this is not a database URL" }];

test("what stands at its field is not said again", () => {
  assert.equal(inWords("connections.db.config.url: this is not a database URL", kind), "URL: this is not a database URL");
  assert.equal(once("connections.db.config.url: this is not a database URL", kind, problems, words), "“URL” is not right yet");
  assert.equal(once("this is not a database URL", kind, problems, words), "“URL” is not right yet");
  assert.equal(once("this is not a database URL", kind, [], words), "this is not a database URL");
  assert.equal(once("nothing listens there", kind, problems, words), "nothing listens there");
});
