// Nothing may move under a pointer that is pressed: the click would go elsewhere, or nowhere.

let down = false;
let waiting = [];

function released() {
  down = false;
  const works = waiting;
  waiting = [];
  // the click of the press comes first
  if (works.length) setTimeout(() => works.forEach((work) => work()));
}

globalThis.addEventListener?.("pointerdown", () => (down = true), true);
for (const name of ["pointerup", "pointercancel", "dragend"]) globalThis.addEventListener?.(name, released, true);
// the list of a select may keep the release to itself
globalThis.addEventListener?.("change", (event) => event.target.matches?.("select") && released(), true);

/** Do something now, or once the pointer that is pressed has been let go and its click was taken. */
export function afterPress(work) {
  if (down) waiting.push(work);
  else work();
}
