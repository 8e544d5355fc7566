// Nothing that stands in a field is lost with the page: what can be read goes to the host, for the rest the browser asks.
import { valueAt } from "./problems.js";
import { allTypedIn } from "./typing.js";

/**
 * @param {import("./editor.js").Editor} editor
 * @param {HTMLElement} root the page's part that holds all its fields
 * @returns {() => void} undoes it
 */
export function keepOnLeaving(editor, root) {
  const finish = () => {
    takeOver(root);
    editor.memory.keep();
  };
  // people may stay after all: nothing is closed yet
  const asked = (event) => {
    finish();
    if (leftOver(editor, root)) event.preventDefault();
  };
  // a page that the browser keeps for coming back lives on
  const gone = (event) => {
    finish();
    if (!event.persisted) editor.release();
  };
  window.addEventListener("beforeunload", asked);
  window.addEventListener("pagehide", gone);
  return () => {
    window.removeEventListener("beforeunload", asked);
    window.removeEventListener("pagehide", gone);
  };
}

/** As if somebody had left each field; the socket gets the edits before the page goes. */
function takeOver(root) {
  if (root.contains(document.activeElement)) document.activeElement.blur();
  for (const input of allTypedIn(root)) input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Whether a field holds a text that is no value of it, or that the host has not taken. */
function leftOver({ findings, draft }, root) {
  return allTypedIn(root).length > 0 || findings.unread.standing((path) => valueAt(draft.doc, path)).length > 0;
}
