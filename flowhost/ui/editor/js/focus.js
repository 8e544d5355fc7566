// Keys never fall beside the canvas: where what had the focus goes, or is left by a key, the canvas has it.

/**
 * @param {import("./editor.js").Editor} editor
 * @param {HTMLElement} root the whole editor
 * @returns {() => void} ends it
 */
export function keepFocus(editor, root) {
  const listeners = new AbortController();
  let pressed = false; // whoever clicks beside all fields leaves on purpose, perhaps to mark a text
  let last = null;
  const on = (target, name, handler) => target.addEventListener(name, handler, { signal: listeners.signal, capture: true });
  on(window, "pointerdown", () => (pressed = true));
  for (const name of ["pointerup", "pointercancel"]) on(window, name, () => setTimeout(() => (pressed = false)));
  on(document, "focusin", ({ target }) => (last = root.contains(target) ? target : null));
  const back = () => {
    const { activeElement: now } = document;
    if (!last || (now !== document.body && !now?.disabled)) return;
    const { selected, opened, wire } = editor;
    if (last.closest(".fe-panel") && opened && !selected.size && !wire) editor.select([opened]);
    editor.frame.focus({ preventScroll: true });
  };
  // what opens a list of its own closes that first, without the page
  on(root, "keydown", ({ key, target }) => key === "Escape" && target.matches("select, input[type=checkbox]") && target.blur());
  // not before the focus has gone where it goes
  on(root, "focusout", ({ relatedTarget }) => relatedTarget || pressed || setTimeout(back));
  editor.on("change", ({ before }) => before === null && begin(editor.frame));
  for (const name of ["change", "open", "undo"]) editor.on(name, () => setTimeout(() => last?.isConnected && !last.disabled ? null : back()));
  return () => listeners.abort();
}

/** Keys work as soon as there is something to see, as the empty canvas says; its outline waits for the first of them. */
function begin(frame) {
  if (document.activeElement !== document.body) return;
  frame.classList.add("fe-calm");
  frame.focus({ preventScroll: true });
  for (const name of ["keydown", "blur"]) frame.addEventListener(name, () => frame.classList.remove("fe-calm"), { once: true });
}
