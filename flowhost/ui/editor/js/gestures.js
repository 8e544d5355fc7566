// What the pointer does on the canvas: select, rubber band, pan, pinch, and the drags of drags.js.
import { moveNodes, pullEnd, pullWire, sizeNote } from "./drags.js";
import { between } from "./geometry.js";
import { inField } from "./dom.js";

const CLICK = 4; // pixels a press may wander and still be a click
const EDGE = 36; // pixels from the frame's edge where a drag begins to pan
const GRAB = 11; // pixels around an end of the selected wire that take hold of it
const LONG_PRESS_MS = 500;
const PINCH_SLACK = 0.0015;

export class Gestures {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.view = editor.view;
    this.frame = editor.view.frame;
    this.touches = new Map();
    this.listeners = new AbortController();
    const on = (target, name, handler, options = {}) =>
      target.addEventListener(name, handler.bind(this), { ...options, signal: this.listeners.signal });
    on(this.frame, "pointerdown", this.#down);
    on(this.frame, "dblclick", this.#double);
    on(this.frame, "wheel", this.#wheel, { passive: false });
    on(this.frame, "contextmenu", this.#menu);
    on(this.frame, "pointermove", (event) => (this.pointer = this.view.spot(event)), { passive: true });
    on(this.frame, "pointerleave", () => (this.pointer = null));
    on(window, "keydown", this.#space);
    on(window, "keyup", this.#space);
    on(window, "blur", () => this.#panning(false));
  }

  release() {
    this.listeners.abort();
    this.drag?.end(true);
  }

  /** Whether something is being dragged. */
  get busy() {
    return Boolean(this.drag?.moved());
  }

  /** Give up the drag under way; false if there is none. */
  cancel() {
    if (!this.drag) return false;
    this.drag.end(true);
    return true;
  }

  #down(event) {
    if (event.target.closest(".fe-over")) return;
    if (event.pointerType === "touch" && this.#touch(event)) return;
    if (this.drag) return;
    this.frame.focus({ preventScroll: true });
    if (event.button === 1 || event.button === 2 || this.space) return this.#pan(event);
    if (event.button !== 0) return;
    const end = this.editor.mayEdit && this.#wireEnd(event);
    if (end) return this.#start(event, end);
    const extra = event.target.closest("[data-extra]");
    if (extra) return this.#pressExtra(event, extra.dataset.extra);
    const port = event.target.closest(".fh-port");
    const node = this.#nodeAt(event);
    if (port && this.editor.mayEdit) this.#start(event, pullWire(this.editor, node, port.dataset));
    else if (node) this.#pressNode(event, node);
    else this.#pressGround(event);
  }

  /** A drag of the end of the selected wire that lies under the pointer; null if none does. */
  #wireEnd(event) {
    const { scene } = this.view;
    const wire = scene.wires.get(this.editor.wire);
    if (!wire) return null;
    const [x, y] = this.#plane(event);
    const near = ([ex, ey]) => Math.hypot(x - ex, y - ey) * this.view.camera.k < GRAB;
    if (near(wire.to)) return pullEnd(this.editor, wire, true);
    return near(wire.from) ? pullEnd(this.editor, wire, false) : null;
  }

  /** A note, or the name of a frame. */
  #pressExtra(event, key) {
    const { editor } = this;
    if (editor.mayEdit && event.target.closest(".fe-note-grip")) return this.#start(event, sizeNote(editor, key.slice(5), this.#plane(event)));
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    const was = editor.extras.has(key);
    const others = [...editor.extras].filter((one) => one !== key);
    if (more) editor.select(editor.selected, was ? others : [...others, key]);
    else if (!was) editor.select([], [key]);
    const drag = editor.mayEdit && editor.extras.has(key) ? moveNodes(editor, this.#plane(event)) : null;
    this.#start(event, {
      move: (spot, now) => drag?.move(spot, now),
      drop: (spot, now) => drag?.drop(spot, now),
      cancel: () => drag?.cancel(),
      click: () => more || editor.select([], [key]),
    });
  }

  #pressNode(event, id) {
    const { editor, view } = this;
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    const was = editor.selected.has(id);
    if (more) editor.select(was ? [...editor.selected].filter((one) => one !== id) : [...editor.selected, id], editor.extras);
    else if (!was) editor.select([id]);
    const drag = editor.mayEdit && editor.selected.has(id) ? moveNodes(editor, this.#plane(event)) : null;
    this.#start(event, {
      move: (spot, now) => drag?.move(spot, now),
      drop: (spot, now) => drag?.drop(spot, now),
      cancel: () => drag?.cancel(),
      click: () => {
        if (!more) editor.select([id]);
        const [only] = editor.selected;
        if (editor.selected.size !== 1) return; // the panel is about all that is selected
        editor.open(only);
        view.camera.reveal(view.scene.box(only));
      },
    });
  }

  #pressGround(event) {
    const { editor, view } = this;
    const from = view.spot(event);
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    const [kept, keptExtras] = more ? [[...editor.selected], [...editor.extras]] : [[], []];
    const click = (spot) => {
      const wire = view.scene.wireAt(spot, view.camera.k);
      if (wire) editor.selectWire(wire.text);
      else editor.select(kept, keptExtras);
    };
    if (event.pointerType === "touch") return this.#pan(event, click);
    this.#start(event, {
      move: (spot, now) => {
        const to = view.spot(now);
        view.drawBand(from, to);
        const [x, y, w, h] = between(view.camera.toPlane(from), view.camera.toPlane(to));
        editor.select([...kept, ...view.scene.within([x, y, w, h])], [...keptExtras, ...view.scene.notesWithin([x, y, w, h])]);
      },
      drop: () => view.drawBand(null),
      cancel: () => {
        view.drawBand(null);
        editor.select(kept, keptExtras);
      },
      click,
    });
  }

  /** `click`: what a press does that does not wander; of the right button it asks for the menu. */
  #pan(event, click = null) {
    let last = [event.clientX, event.clientY];
    this.frame.classList.add("fe-panning");
    this.#start(event, {
      still: true,
      move: (_, now) => {
        this.view.camera.pan(now.clientX - last[0], now.clientY - last[1]);
        last = [now.clientX, now.clientY];
      },
      drop: () => this.frame.classList.remove("fe-panning"),
      cancel: () => this.frame.classList.remove("fe-panning"),
      click: (spot) => {
        this.frame.classList.remove("fe-panning");
        if (event.button === 2) this.#askMenu(event, spot);
        else click?.(spot);
      },
    });
  }

  /** Follow the pointer until it is released. */
  #start(event, drag) {
    const from = [event.clientX, event.clientY];
    const { pointerId } = event;
    const listening = new AbortController();
    let moved = false;
    let latest = event;
    const step = () => drag.move(this.#plane(latest), latest);
    const end = (cancelled) => {
      listening.abort();
      clearInterval(pulling);
      clearTimeout(held);
      this.drag = null;
      this.view.draw();
      if (cancelled) drag.cancel();
      else if (moved) drag.drop(this.#plane(latest), latest);
      else (drag.click ?? drag.cancel)(this.#plane(latest), latest);
    };
    // at the edge the canvas moves on by itself, as long as the pointer stays there
    const pulling = setInterval(() => moved && !drag.still && this.#atEdge(latest) && step(), 16);
    const held = event.pointerType === "touch" ? setTimeout(() => moved || this.#held(event), LONG_PRESS_MS) : 0;
    const on = (name, handler) => window.addEventListener(name, handler, { signal: listening.signal });
    on("pointermove", (now) => {
      if (now.pointerId !== pointerId) return;
      latest = now;
      moved ||= Math.hypot(now.clientX - from[0], now.clientY - from[1]) > CLICK;
      if (moved) step();
    });
    on("pointerup", (now) => now.pointerId === pointerId && ((latest = now), end(false)));
    on("pointercancel", (now) => now.pointerId === pointerId && end(true));
    this.drag = { end, moved: () => moved && !drag.still };
  }

  #atEdge(event) {
    const [x, y] = this.view.spot(event);
    const { clientWidth: width, clientHeight: height } = this.frame;
    const pull = (at, room) => (at < EDGE ? Math.min(1, (EDGE - at) / EDGE) : at > room - EDGE ? -Math.min(1, (at - room + EDGE) / EDGE) : 0);
    const [dx, dy] = [pull(x, width) * 12, pull(y, height) * 12];
    if (dx || dy) this.view.camera.pan(dx, dy);
    return Boolean(dx || dy);
  }

  #wheel(event) {
    if (event.target.closest(".fe-over")) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    const { camera } = this.view;
    if (event.ctrlKey || event.metaKey) {
      // a pinch on a touch pad comes as a wheel with ctrl, in small steps
      const strength = Math.abs(event.deltaY) < 20 ? 0.01 : PINCH_SLACK;
      camera.zoom(Math.exp(-event.deltaY * unit * strength), this.view.spot(event));
    } else if (event.shiftKey && !event.deltaX) camera.pan(-event.deltaY * unit, 0);
    else camera.pan(-event.deltaX * unit, -event.deltaY * unit);
  }

  #double(event) {
    const extra = event.target.closest("[data-extra]");
    if (extra && this.editor.mayEdit) return this.view.extras.write(extra.dataset.extra);
    if (event.target.closest(".fh-node-title") && this.editor.mayEdit) return this.editor.emit("rename", this.#nodeAt(event));
    if (event.target.closest(".fe-over") || this.#nodeAt(event) || !this.editor.mayEdit) return;
    this.editor.quickAdd(this.#plane(event));
  }

  /** Two fingers zoom and pan; true if the event belongs to them. */
  #touch(event) {
    this.touches.set(event.pointerId, [event.clientX, event.clientY]);
    const forget = new AbortController();
    const gone = (now) => {
      if (now.pointerId !== event.pointerId) return;
      this.touches.delete(event.pointerId);
      forget.abort();
    };
    window.addEventListener("pointerup", gone, { signal: forget.signal });
    window.addEventListener("pointercancel", gone, { signal: forget.signal });
    window.addEventListener("pointermove", (now) => now.pointerId === event.pointerId && this.#pinch(now), { signal: forget.signal });
    if (this.touches.size < 2) return false;
    this.cancel();
    return true;
  }

  #pinch(event) {
    const before = [...this.touches.values()];
    this.touches.set(event.pointerId, [event.clientX, event.clientY]);
    if (before.length !== 2) return;
    const after = [...this.touches.values()];
    const middle = ([[ax, ay], [bx, by]]) => [(ax + bx) / 2, (ay + by) / 2];
    const apart = ([[ax, ay], [bx, by]]) => Math.hypot(bx - ax, by - ay);
    const [from, to] = [middle(before), middle(after)];
    this.view.camera.pan(to[0] - from[0], to[1] - from[1]);
    this.view.camera.zoom(apart(after) / Math.max(1, apart(before)), this.view.spot({ clientX: to[0], clientY: to[1] }));
  }

  /** The node under the pointer; from far away there are no cards. */
  #nodeAt(event) {
    const card = event.target.closest(".fh-node");
    return card?.dataset.node ?? (this.view.wasFar ? this.view.scene.nodeAt(this.#plane(event)) : null);
  }

  /** Right clicks and long presses come as presses, as they may also drag; the menu key and ctrl with a click come here. */
  #menu(event) {
    if (inField(event.target)) return;
    event.preventDefault();
    if (event.pointerType === "touch" || (event.button === 2 && event.pointerType === "mouse")) return;
    this.cancel();
    const byKey = event.button === -1 || !event.pointerType; // as browsers differ
    if (!byKey) this.#askMenu(event, this.#plane(event));
    else this.editor.emit("menu", null);
  }

  /** A long press. The release that follows is no click: it would close the menu again. */
  #held(event) {
    this.cancel();
    window.addEventListener("touchend", (released) => released.preventDefault(), { once: true, passive: false });
    this.#askMenu(event, this.#plane(event));
  }

  #askMenu(event, spot) {
    if (event.target.closest(".fe-over")) return;
    this.editor.emit("menu", { spot, node: this.#nodeAt(event), extra: event.target.closest("[data-extra]")?.dataset.extra });
  }

  #space(event) {
    if (event.code !== "Space" || inField(event.target) || event.target.closest?.("button, a, dialog")) return;
    event.preventDefault();
    this.#panning(event.type === "keydown");
  }

  #panning(on) {
    this.space = on;
    this.frame.classList.toggle("fe-space", on);
  }

  #plane(event) {
    return this.view.camera.toPlane(this.view.spot(event));
  }
}
