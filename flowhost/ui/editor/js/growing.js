// A field of one line that shows all of its text while somebody is in it.
import { el } from "./dom.js";

const MOST = 200; // pixels; a longer text scrolls

/** @param {string} classes @param {Record<string, unknown>} attributes */
export function growing(classes, attributes) {
  const area = el("textarea", `${classes} fe-grows`, { ...attributes, rows: "1", "data-line": "" });
  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${Math.min(MOST, area.scrollHeight + 2)}px`;
  };
  area.addEventListener("focus", fit);
  area.addEventListener("input", fit);
  area.addEventListener("blur", () => {
    area.style.height = "";
    area.scrollTop = 0;
  });
  return area;
}
