// The panel's inner edge is dragged to make it wider; the width is kept in this browser.
import { el } from "./dom.js";

const KEY = "flowhost.panel";
const NARROWEST = 300;
const WIDEST = 760;
const STEP = 24;

/** @param {HTMLElement} panel @param {Record<string, string>} words */
export function widthHandle(panel, words) {
  const handle = el("div", "fe-panel-edge", { role: "separator", tabindex: "0", "aria-orientation": "vertical", "aria-label": words.panel_edge, title: words.panel_edge, "data-testid": "panel-edge", "aria-valuemin": NARROWEST, "aria-valuemax": WIDEST });
  const take = (width) => {
    const most = Math.min(WIDEST, window.innerWidth * 0.6);
    const taken = Math.round(Math.min(most, Math.max(NARROWEST, width)));
    panel.style.width = `${taken}px`;
    handle.setAttribute("aria-valuenow", taken);
    return taken;
  };
  const keep = () => localStorage.setItem(KEY, String(panel.offsetWidth));
  const kept = Number(localStorage.getItem(KEY));
  if (kept) take(kept);
  else handle.setAttribute("aria-valuenow", 340);
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    const right = panel.getBoundingClientRect().right;
    const move = (now) => take(right - now.clientX);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => (handle.removeEventListener("pointermove", move), keep()), { once: true });
  });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    take(panel.offsetWidth + step);
    keep();
  });
  handle.addEventListener("dblclick", () => {
    panel.style.width = "";
    localStorage.removeItem(KEY);
  });
  return handle;
}
