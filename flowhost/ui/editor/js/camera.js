// What part of the plane is looked at, and how large: pan, zoom, fit.

const LARGEST = 2;
const SMALLEST = 0.08;
const MARGIN = 40;
const EDGE = 20; // left and right of what is shown as a whole: its size is worth more than air
const FOOT = 64; // kept free at the lower edge, where the tools and the small map stand

export class Camera {
  /**
   * @param {HTMLElement} frame what is looked through
   * @param {() => void} moved called after each change
   */
  constructor(frame, moved) {
    Object.assign(this, { frame, moved, x: 0, y: 0, k: 1 });
  }

  /** Look at the same spot from another distance; `[x, y]` in the frame stays where it is. */
  zoom(factor, [x, y] = this.middle()) {
    const k = Math.min(LARGEST, Math.max(SMALLEST, this.k * factor));
    this.set(x - ((x - this.x) * k) / this.k, y - ((y - this.y) * k) / this.k, k);
  }

  pan(dx, dy) {
    this.set(this.x + dx, this.y + dy, this.k);
  }

  /** Show a rectangle of the plane as a whole. */
  fit(box, largest = 1.1) {
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (!box || !width) return this.set(MARGIN, MARGIN, 1);
    const [x, y, w, h] = box;
    const room = Math.min((width - 2 * EDGE) / Math.max(w, 1), (height - MARGIN - FOOT) / Math.max(h, 1));
    const k = Math.min(largest, Math.max(SMALLEST, room));
    this.set((width - w * k) / 2 - x * k, (height + MARGIN - FOOT - h * k) / 2 - y * k, k);
  }

  /** Bring a rectangle of the plane into sight, moving no more than needed. */
  reveal([x, y, w, h]) {
    const { clientWidth: width, clientHeight: height } = this.frame;
    const left = x * this.k + this.x;
    const top = y * this.k + this.y;
    const shift = (start, size, room, begin, end) => {
      if (size > room - begin - end) return (room - size) / 2 - start;
      return Math.max(0, begin - start) + Math.min(0, room - end - size - start);
    };
    // no more room than a flow gets that is shown as a whole: else a click on its first node would push out its last
    const dx = shift(left, w * this.k, width, EDGE, EDGE);
    const dy = shift(top, h * this.k, height, MARGIN, FOOT);
    if (dx || dy) this.pan(dx, dy);
  }

  set(x, y, k) {
    Object.assign(this, { x, y, k });
    this.moved();
  }

  middle() {
    return [this.frame.clientWidth / 2, this.frame.clientHeight / 2];
  }

  /** A spot of the frame on the plane. */
  toPlane([x, y]) {
    return [(x - this.x) / this.k, (y - this.y) / this.k];
  }

  /** The part of the plane in sight, with a margin in pixels of the screen. */
  sight(margin = 0) {
    return this.sightOf(this.frame.clientWidth, this.frame.clientHeight, margin);
  }

  /** The same for a frame of another size. */
  sightOf(width, height, margin = 0) {
    const [left, top] = this.toPlane([-margin, -margin]);
    return [left, top, (width + 2 * margin) / this.k, (height + 2 * margin) / this.k];
  }
}
