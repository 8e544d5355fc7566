// A tab remembers over a reload what was done in a flow, and nothing of a deleted flow that had the same id.
import assert from "node:assert/strict";
import test from "node:test";
import { Memory } from "../../flowhost/ui/editor/js/memory.js";

const kept = new Map();
globalThis.sessionStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, text) => kept.set(key, text),
  removeItem: (key) => kept.delete(key),
};

function tab(life) {
  const editor = { flow: "line", life, selected: new Set(), view: { camera: { x: 5, y: 6, k: 2 } }, words: {}, restored: null };
  editor.draft = { ready: true, keep: () => ({ undo: ["step"] }), restore: (found) => (editor.restored = found) };
  editor.memory = new Memory(editor);
  return editor;
}

test("steps of undo and the view outlive a reload, and end with the flow", () => {
  tab("2026-01-01").memory.keep();
  const reloaded = tab("2026-01-01");
  assert.deepEqual(reloaded.restored.undo, ["step"]);
  assert.deepEqual(reloaded.memory.view, { x: 5, y: 6, k: 2 });
  const another = tab("2026-02-02");
  assert.equal(another.restored, null);
  assert.equal(another.memory.view, undefined);
});
