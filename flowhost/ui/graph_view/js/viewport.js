// Moves and scales the plane: drag the ground, turn the wheel, follow the keyboard's focus.
const MARGIN = 32;
const LARGEST = 2;
const SMALLEST = 0.15;

export class Viewport {
  constructor(frame, plane, picture, onGround) {
    Object.assign(this, { frame, plane, picture, onGround, x: 0, y: 0, scale: 1, touched: false });
    this.listeners = new AbortController();
    const on = (name, handler, options = {}) =>
      frame.addEventListener(name, handler, { ...options, signal: this.listeners.signal });
    on("pointerdown", (event) => this.grab(event));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("focusin", (event) => this.reveal(event.target));
    this.resize = new ResizeObserver(() => this.touched || this.fit());
    this.resize.observe(frame);
  }

  release() {
    this.listeners.abort();
    this.resize.disconnect();
  }

  fit() {
    this.touched = false;
    const { clientWidth: width, clientHeight: height } = this.frame;
    const room = Math.min((width - 2 * MARGIN) / this.picture.width, (height - 2 * MARGIN) / this.picture.height);
    this.scale = clamp(Number.isFinite(room) ? room : 1, SMALLEST, 1.15);
    this.x = (width - this.picture.width * this.scale) / 2;
    this.y = (height - this.picture.height * this.scale) / 2;
    this.apply();
  }

  zoomBy(factor, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    this.touched = true;
    const scale = clamp(this.scale * factor, SMALLEST, LARGEST);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.apply();
  }

  wheel(event) {
    event.preventDefault();
    const box = this.frame.getBoundingClientRect();
    this.zoomBy(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
  }

  grab(event) {
    if (event.button !== 0 || event.target.closest(".fh-node, .fh-graph-tools")) return;
    const start = { x: this.x - event.clientX, y: this.y - event.clientY };
    const from = { x: event.clientX, y: event.clientY };
    let moved = false;
    this.frame.setPointerCapture(event.pointerId);
    const drag = new AbortController();
    const move = (now) => {
      moved ||= Math.hypot(now.clientX - from.x, now.clientY - from.y) > 3;
      if (!moved) return;
      this.touched = true;
      this.x = start.x + now.clientX;
      this.y = start.y + now.clientY;
      this.apply();
    };
    const drop = () => {
      drag.abort();
      if (!moved) this.onGround();
    };
    this.frame.addEventListener("pointermove", move, { signal: drag.signal });
    for (const end of ["pointerup", "pointercancel"]) this.frame.addEventListener(end, drop, { signal: drag.signal });
  }

  reveal(target) {
    if (!target.classList.contains("fh-node") || !target.matches(":focus-visible")) return;
    this.frame.scrollTo(0, 0); // the browser scrolls to what has focus; the plane is moved instead
    const box = target.getBoundingClientRect();
    const frame = this.frame.getBoundingClientRect();
    const right = Math.max(0, box.right + MARGIN - frame.right) - Math.max(0, frame.left + MARGIN - box.left);
    const down = Math.max(0, box.bottom + MARGIN - frame.bottom) - Math.max(0, frame.top + MARGIN - box.top);
    if (!right && !down) return;
    this.touched = true;
    this.x -= right;
    this.y -= down;
    this.apply();
  }

  apply() {
    this.plane.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    const step = 24 * this.scale;
    this.frame.style.backgroundSize = `${step}px ${step}px`;
    this.frame.style.backgroundPosition = `${this.x}px ${this.y}px`;
  }
}

function clamp(number, low, high) {
  return Math.min(high, Math.max(low, number));
}
