// A form drawn anew under the hands of whoever is in it: what they type, and where they are, stays.
import { keptFocus, onceLeft, typedIn } from "./typing.js";

const held = new WeakMap(); // by form, the field somebody types in: however often it is asked for, it is drawn once

/**
 * Fill a form anew. Focus, cursor, scrolling and what was folded out stay; a section with an error is always open.
 * @param {HTMLElement} root
 * @param {() => Node[]} make what stands in the form from now on
 * @param {() => void} again asked for once the field is left, where somebody types and nothing is drawn until then
 * @param {{same?: boolean}} [about] it shows what it showed before; of another thing nothing is kept
 * @returns {{typing: boolean, back: boolean}} whether somebody types, and whether somebody is back in their field
 */
export function redrawn(root, make, again, { same = true } = {}) {
  const typed = same && typedIn(root);
  if (typed) return hold(root, typed, again);
  const refocus = keptFocus(root);
  const putBack = same ? [keptSections(root), keptScroll(root)] : [() => (root.scrollTop = 0)];
  root.replaceChildren(...make());
  for (const work of putBack) work();
  return { typing: false, back: refocus() };
}

function hold(root, typed, again) {
  if (held.get(root) !== typed) {
    held.set(root, typed);
    onceLeft(typed, () => (held.delete(root), again()));
  }
  return { typing: true, back: true };
}

function keptSections(root) {
  const open = new Map(sectionsOf(root).map(([key, one]) => [key, one.open]));
  return () => {
    for (const [key, one] of sectionsOf(root)) one.open = (open.get(key) ?? one.open) || one.querySelector(".fe-wrong") !== null;
  };
}

/** Each section and what tells it from others: its field, kind and number; titles change while somebody types. */
function sectionsOf(root) {
  const seen = new Map();
  return [...root.querySelectorAll("details")].map((one) => {
    const kind = `${one.closest("[data-field]")?.dataset.field} ${one.className}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return [`${kind} ${seen.get(kind)}`, one];
  });
}

function keptScroll(root) {
  const { scrollTop } = root;
  return () => (root.scrollTop = scrollTop);
}
