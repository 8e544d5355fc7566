// Nothing may move under a pointer that is pressed: the click would go elsewhere, or nowhere.

let down = false;
globalThis.addEventListener?.("pointerdown", () => (down = true), true);
for (const name of ["pointerup", "pointercancel", "dragend"]) globalThis.addEventListener?.(name, () => (down = false), true);

/** Do something now, or once the pointer that is pressed has been let go and its click was taken. */
export function afterPress(work) {
  if (!down) return work();
  const once = new AbortController();
  for (const name of ["pointerup", "pointercancel", "dragend"]) {
    globalThis.addEventListener(name, () => (once.abort(), setTimeout(work)), { signal: once.signal });
  }
}
