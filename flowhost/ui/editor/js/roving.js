// One stop of Tab for many: arrows go from one to the next within, and Tab comes back to the one that was left.

const STEPS = { down: ["ArrowUp", "ArrowDown"], across: ["ArrowLeft", "ArrowRight"] };

/**
 * @param {HTMLElement} root what holds them
 * @param {string} which selects them within it
 * @param {"down" | "across"} axis
 * @param {() => void} [before] where the arrow leads that goes back from the first; without it the last one follows
 * @returns {() => void} to be called when there are others, or some cannot be used any more
 */
export function roving(root, which, axis, before = null) {
  const all = () => [...root.querySelectorAll(which)].filter((one) => !one.disabled && !one.hidden);
  let stop = null;
  const settle = () => {
    const items = all();
    if (!items.includes(stop)) [stop] = items;
    for (const one of root.querySelectorAll(which)) {
      const index = one === stop ? "0" : "-1";
      if (one.getAttribute("tabindex") !== index) one.setAttribute("tabindex", index);
    }
  };
  root.addEventListener("focusin", ({ target }) => {
    const found = target.closest(which);
    if (found) stop = found;
    settle();
  });
  root.addEventListener("keydown", (event) => {
    const items = all();
    const at = items.indexOf(event.target.closest(which));
    if (at < 0) return;
    const [back, forth] = STEPS[axis];
    const next = { [back]: at - 1, [forth]: at + 1, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    if (next < 0 && before) before();
    else items.at(next % items.length).focus();
  });
  settle();
  return settle;
}
