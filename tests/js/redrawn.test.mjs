// A form that is drawn anew while somebody is in it; the page is as much of one as forms ask for.
import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { redrawn } from "../../flowhost/ui/editor/js/redrawn.js";

class Part extends EventTarget {
  constructor(about = {}) {
    super();
    Object.assign(this, { dataset: {}, id: "", value: "", ...about });
  }
  focus() {
    document.activeElement = this;
  }
  setSelectionRange(start, end) {
    Object.assign(this, { selectionStart: start, selectionEnd: end });
  }
  /** Of a section: the error within. */
  querySelector() {
    return this.wrong ? {} : null;
  }
  /** Of a section: the field it is in. */
  closest() {
    return this.field ? { dataset: { field: this.field } } : null;
  }
}

/** Drawing anew scrolls a form to its top, as in a browser. */
class Form {
  constructor() {
    Object.assign(this, { parts: [], scrollTop: 0, drawn: 0 });
  }
  contains(part) {
    return this.parts.includes(part);
  }
  replaceChildren(...parts) {
    Object.assign(this, { parts, scrollTop: 0, drawn: this.drawn + 1 });
  }
  querySelectorAll(what) {
    return what === "details" ? this.parts.filter((one) => one.className) : this.parts.filter((one) => "before" in one.dataset);
  }
}

const field = (id, value, before = value) => new Part({ id, value, dataset: { before }, selectionStart: 0, selectionEnd: 0 });
const section = (className, open, about = {}) => new Part({ className, open, ...about });
const never = () => assert.fail("asked for once more");
const soon = () => new Promise((done) => setTimeout(done));

let form;
beforeEach(() => {
  form = new Form();
  globalThis.document = { activeElement: null, getElementById: (id) => form.parts.find((one) => one.id === id) ?? null };
});

test("what is being typed is not swept away; the form follows once, when the field is left", async () => {
  const typed = field("a", "hal", "");
  form.replaceChildren(typed);
  let asked = 0;
  for (const _ of [1, 2, 3]) assert.equal(redrawn(form, never, () => asked++).typing, true);
  assert.deepEqual([form.parts, form.drawn, asked], [[typed], 1, 0]);
  typed.dispatchEvent(new Event("blur"));
  assert.equal(asked, 0, "not before the focus has gone where it goes");
  await soon();
  assert.equal(asked, 1);
});

test("whoever types on is waited for again", async () => {
  const typed = field("a", "hal", "");
  form.replaceChildren(typed);
  let asked = 0;
  for (const times of [1, 2]) {
    redrawn(form, never, () => asked++);
    typed.dispatchEvent(new Event("change"));
    await soon();
    assert.equal(asked, times);
  }
});

test("focus, cursor, and scrolling stay", () => {
  form.replaceChildren(field("a", "one"), field("b", "two"));
  form.parts[1].focus();
  form.parts[1].setSelectionRange(1, 3);
  form.scrollTop = 70;
  const fresh = [field("a", "one"), field("b", "two")];
  assert.deepEqual(redrawn(form, () => fresh, never), { typing: false, back: true });
  assert.equal(document.activeElement, fresh[1]);
  assert.deepEqual([fresh[1].selectionStart, fresh[1].selectionEnd, form.scrollTop], [1, 3, 70]);
});

test("nobody is brought back to a field they were not in", () => {
  form.replaceChildren(field("a", "one"));
  assert.deepEqual(redrawn(form, () => [field("a", "one")], never), { typing: false, back: false });
  assert.equal(document.activeElement, null);
});

test("a section stays as it was left, though others come above it; one with an error opens", () => {
  form.replaceChildren(section("more", true), section("more", false), section("more", false));
  redrawn(form, () => [section("promise", false), section("more", false), section("more", true), section("more", false, { wrong: true })], never);
  assert.deepEqual(form.parts.map((one) => one.open), [false, true, false, true]);
});

test("a row stays open whatever is written in the rows of another field", () => {
  form.replaceChildren(section("block", false, { field: "windows" }), section("block", true, { field: "columns" }));
  redrawn(form, () => [section("block", true, { field: "windows" }), section("block", true, { field: "windows" }), section("block", false, { field: "columns" })], never);
  assert.deepEqual(form.parts.map((one) => one.open), [false, true, true]);
});

test("of another thing nothing is kept, nor is it waited for", () => {
  form.replaceChildren(field("a", "hal", ""), section("More", true));
  form.scrollTop = 70;
  const other = [field("a", ""), section("More", false)];
  assert.equal(redrawn(form, () => other, never, { same: false }).typing, false);
  assert.deepEqual([form.parts, form.scrollTop, other[1].open], [other, 0, false]);
});
