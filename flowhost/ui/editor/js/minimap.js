// The small map in the corner: where on the plane one is; press or drag on it to go elsewhere.
import { el } from "./dom.js";
import { within } from "./geometry.js";
import { drawMinimap } from "./map.js";

const LOWEST = 460; // pixels

export class Minimap {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.canvas = el("canvas", "fe-minimap fe-over", { role: "img", "aria-label": editor.words.minimap, "data-testid": "minimap" });
    editor.frame.append(this.canvas);
    editor.view.moved.push(() => this.#draw());
    this.canvas.addEventListener("pointerdown", (event) => this.#go(event));
    this.canvas.addEventListener("pointermove", (event) => event.buttons && this.#go(event));
  }

  #draw() {
    const { scene, view } = this.editor;
    const bounds = scene.bounds();
    // in a low canvas it would stand on the nodes it shows
    this.canvas.hidden = !bounds || view.frame.clientHeight < LOWEST || within(bounds, view.camera.sight());
    if (!this.canvas.hidden) this.toPlane = drawMinimap(this.canvas, scene, view.camera, view.marks, view.figures);
  }

  #go(event) {
    event.preventDefault();
    if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
    if (!this.toPlane) return;
    const [x, y] = this.toPlane([event.offsetX, event.offsetY]);
    const { camera } = this.editor.view;
    const [mx, my] = camera.middle();
    camera.set(mx - x * camera.k, my - y * camera.k, camera.k);
  }
}
