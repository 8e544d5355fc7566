// What is being typed, or half of a new row, is never swept away when a form is drawn anew.

/** The input in a form that holds what is not taken over yet. */
export function typedIn(root) {
  return allTypedIn(root)[0];
}

/** All of them. */
export function allTypedIn(root) {
  return [...root.querySelectorAll("[data-before]")].filter((input) => input.value !== input.dataset.before);
}

/** Do something once an input is left or its text was taken over. */
export function onceLeft(input, work) {
  const once = new AbortController();
  // not before the focus has gone where it goes: the next field must still be there
  const left = () => (once.abort(), setTimeout(work));
  for (const name of ["change", "blur"]) input.addEventListener(name, left, { signal: once.signal });
}

/** Remember where in a form somebody is; call what it gives when the form was drawn anew. */
export function keptFocus(root) {
  const active = root.contains(document.activeElement) ? document.activeElement : null;
  const [start, end] = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : [null, null];
  const id = active?.id ?? "";
  return () => {
    const input = id ? document.getElementById(id) : null;
    input?.focus({ preventScroll: true });
    if (input && start !== null && "setSelectionRange" in input && input.type !== "checkbox") input.setSelectionRange(start, end);
    return Boolean(input);
  };
}
