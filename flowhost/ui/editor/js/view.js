// Draws the scene: cards for what is in sight, wires as one SVG, a map from far away. Measured in docs/adr.
import { Camera } from "./camera.js";
import { Card } from "./card.js";
import { el, shape, write } from "./dom.js";
import { rate, short } from "./numbers.js";
import { ExtrasView } from "./extrasview.js";
import { between, overlap, within, wirePath, wireSpot } from "./geometry.js";
import { drawMap } from "./map.js";

const FAR = 0.4; // below this a map is drawn instead of cards
const AHEAD = 250; // cards are made this far outside of sight, pixels
const NEAR = 40; // figures are written this far outside of sight, pixels
const CARDS_PER_FRAME = 40;

export class View {
  /**
   * @param {HTMLElement} frame
   * @param {import("./scene.js").Scene} scene
   * @param {Record<string, string>} words
   * @param {string} flow its id
   */
  constructor(frame, scene, words, flow) {
    Object.assign(this, { frame, scene, words, flow });
    this.svg = shape("svg", { class: "fh-wires fe-wires" });
    this.loose = shape("path", { class: "fe-loose" });
    this.top = shape("svg", { class: "fh-wires fe-wires fe-top" });
    this.band = el("div", "fe-band", { hidden: true });
    this.plane = el("div", "fh-graph-plane fe-plane");
    this.far = el("canvas", "fe-far");
    this.plane.append(this.svg, this.top);
    this.ends = [shape("circle", { class: "fe-end", r: 6 }), shape("circle", { class: "fe-end", r: 6 })];
    this.svg.append(this.loose);
    this.extras = new ExtrasView(this);
    frame.append(this.far, this.plane, this.band);
    this.cards = new Map();
    this.paths = new Map();
    this.figures = new Map(); // key as the host sends it -> figures
    this.marks = { selected: new Set(), extras: new Set(), frame: null, wire: null, targets: null, others: new Map(), problems: new Map(), sampled: null };
    this.moved = []; // called after each drawing
    this.camera = new Camera(frame, () => this.#moved());
    this.resize = new ResizeObserver(() => this.#resized());
    this.resize.observe(frame);
  }

  release() {
    this.resize.disconnect();
    cancelAnimationFrame(this.waiting);
  }

  /** The scene has changed. */
  draw() {
    this.#soon();
  }

  /** Figures from the host, all or those that changed. */
  status({ of, all = false, gone = [] }) {
    if (all) this.figures.clear();
    for (const key of gone) this.figures.delete(key);
    for (const [key, figures] of Object.entries(of)) this.figures.set(key, figures);
    this.#soon(this.camera.k < FAR);
  }

  /** What is selected, may be wired, is edited by others or has problems. */
  mark(marks) {
    Object.assign(this.marks, marks);
    this.#soon();
  }

  /** A wire that is being drawn, from a spot of the plane to another; null when it is not. */
  drawLoose(from, to) {
    this.loose.setAttribute("d", from ? wirePath(from, to) : "");
  }

  /** The rubber band, between two spots of the frame; null when there is none. */
  drawBand(a, b) {
    this.band.hidden = !a;
    if (!a) return;
    const [x, y, w, h] = between(a, b);
    Object.assign(this.band.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
  }

  /** A spot of the screen within the frame. */
  spot(event) {
    const box = this.frame.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  fit(ids) {
    this.camera.fit(this.scene.bounds(ids));
  }

  /** A drawer or panel took room, or gave it back: what was seen as a whole stays so, what is selected stays in sight. */
  #resized() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    const [before, bounds] = [this.size ?? [width, height], this.scene.bounds()];
    this.size = [width, height];
    const less = width < before[0] || height < before[1];
    if (less && bounds && within(bounds, this.camera.sightOf(...before)) && !within(bounds, this.camera.sight())) this.fit();
    else if (less && this.marks.selected.size) this.camera.reveal(this.scene.bounds(this.marks.selected));
    this.#moved();
  }

  #moved() {
    const { x, y, k } = this.camera;
    this.plane.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    const step = 24 * (k < 0.5 ? 4 * k : k);
    this.frame.style.backgroundSize = `${step}px ${step}px`;
    this.frame.style.backgroundPosition = `${x}px ${y}px`;
    this.#soon();
  }

  #soon(whole = true) {
    this.stale ||= whole;
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = undefined;
      const all = this.stale;
      this.stale = false;
      if (all) this.#render();
      else this.#renderFigures();
    });
  }

  #render() {
    const far = this.camera.k < FAR;
    if (far !== this.wasFar) {
      this.wasFar = far;
      this.plane.hidden = far;
      this.far.hidden = !far;
    }
    if (far) drawMap(this.far, this.scene, this.camera, this.marks, this.figures);
    else {
      const sight = this.camera.sight(AHEAD);
      this.extras.draw();
      this.#renderCards(sight);
      this.#renderWires(sight);
      this.#renderFigures();
      this.#renderEnds();
    }
    for (const handler of this.moved) handler();
  }

  #renderCards(sight) {
    const { nodes, types } = this.scene;
    for (const [id, card] of this.cards) {
      const item = nodes.get(id);
      const stays = item && (overlap(sight, [item.x, item.y, item.w, item.h]) || card.root.contains(document.activeElement));
      if (stays) continue;
      card.root.remove();
      this.cards.delete(id);
    }
    let made = 0;
    for (const item of nodes.values()) {
      let card = this.cards.get(item.id);
      if (!card) {
        if (!overlap(sight, [item.x, item.y, item.w, item.h])) continue;
        if (made === CARDS_PER_FRAME) return this.#soon();
        made += 1;
        card = new Card(item, types[item.node.type], this.words, { hands: this.hand, flow: this.flow });
        this.cards.set(item.id, card);
        this.plane.append(card.root);
      } else if (card.item !== item) this.#update(card, item);
      this.#markCard(card, item.id);
    }
  }

  /** Figures of what is in sight: those nobody can read are not worth a repaint. */
  #renderFigures() {
    const near = this.camera.sight(NEAR);
    for (const [id, card] of this.cards) {
      const figures = this.figures.get(`n:${id}`);
      const { x, y, w, h } = card.item;
      if (figures && card.shown !== figures && overlap(near, [x, y, w, h])) card.status(figures);
    }
    for (const [text, path] of this.paths) {
      const [figures, target] = [this.figures.get(`w:${text}`), this.figures.get(`n:${path.wire.target}`)];
      const news = path.shown !== figures || path.waiting !== target?.waiting;
      if (news && overlap(near, reach(path.wire))) this.#label(path, figures, target?.waiting);
    }
  }

  #update(card, item) {
    const moved = card.item.node === item.node && card.item.wired === item.wired && String(card.item.ports) === String(item.ports);
    if (moved) {
      card.item = item;
      card.place(item);
    } else card.show(item, this.scene.types[item.node.type]);
  }

  #markCard(card, id) {
    const { selected, targets, others, problems, sampled } = this.marks;
    const target = targets === null ? "" : targets.has(id) ? "yes" : "no";
    const other = others.get(id);
    const state = `${selected.has(id)} ${target} ${other?.name} ${other?.colour} ${other?.edits}`;
    if (card.marked !== state || card.markedItem !== card.item) {
      card.marked = state;
      card.mark({ selected: selected.has(id), target, other });
    }
    const found = problems.get(id) ?? NONE;
    if (card.found !== found || card.markedItem !== card.item) {
      card.found = found;
      card.problems(found);
    }
    const sample = sampled?.get(id) ?? null;
    if ((card.sample ?? null) !== sample || card.markedItem !== card.item) card.sampling(sample);
    card.markedItem = card.item;
  }

  #renderWires(sight) {
    const { wires } = this.scene;
    for (const [text, path] of this.paths) {
      if (wires.has(text)) continue;
      path.root.remove();
      path.label?.remove();
      this.paths.delete(text);
    }
    const { selected, wire: chosen } = this.marks;
    for (const wire of wires.values()) {
      const seen = overlap(sight, reach(wire));
      let path = this.paths.get(wire.text);
      if (!path && !seen) continue;
      path ??= this.#path(wire);
      path.root.style.display = seen ? "" : "none";
      if (path.label) path.label.hidden = !seen;
      if (!seen) continue;
      if (path.wire !== wire) this.#bend(path, wire);
      path.root.classList.toggle("fh-wire-near", selected.has(wire.source) || selected.has(wire.target));
      path.root.classList.toggle("fe-wire-selected", chosen === wire.text);
    }
  }

  /** Handles at both ends of the selected wire. */
  #renderEnds() {
    const wire = this.scene.wires.get(this.marks.wire);
    const spots = wire ? [wire.from, wire.to] : [];
    for (const [index, end] of this.ends.entries()) {
      if (!spots[index]) end.remove();
      else {
        end.setAttribute("cx", spots[index][0]);
        end.setAttribute("cy", spots[index][1]);
        this.top.append(end);
      }
    }
  }

  #path(wire) {
    const root = shape("g", { class: `fh-wire${wire.port === "error" ? " fh-wire-error" : ""}`, "data-testid": "wire", "data-wire": wire.text });
    const path = { root, line: root.appendChild(shape("path")), wire: null, label: null };
    this.svg.append(root);
    this.paths.set(wire.text, path);
    this.#bend(path, wire);
    return path;
  }

  #bend(path, wire) {
    if (path.wire?.first !== wire.first) path.waiting = null; // to be told on another wire
    path.wire = wire;
    path.line.setAttribute("d", wirePath(wire.from, wire.to));
    if (path.label) this.#placeLabel(path);
  }

  /** `number`: what waits before the target, in the queue that all its wires share; the first of them says it. */
  #label(path, figures, number) {
    Object.assign(path, { shown: figures, waiting: number });
    path.root.classList.toggle("fh-wire-flows", figures?.rate > 0);
    path.root.classList.toggle("fh-wire-waits", number > 0);
    const text = figures?.rate > 0 ? `${rate(figures.rate)}${this.words.per_s}` : "";
    const waiting = number && path.wire.first ? this.words.waiting.replace("{count}", short(number)) : "";
    if (!text && !waiting && !path.label) return;
    if (!path.label) {
      path.label = el("div", "fh-wire-label", {}, el("span", "fh-wire-rate"), el("span", "fh-wire-waiting", { title: this.words.waiting_hint }));
      this.plane.append(path.label);
      this.#placeLabel(path);
    }
    write(path.label.children[0], text);
    write(path.label.children[1], waiting);
  }

  #placeLabel(path) {
    const [x, y] = wireSpot(path.wire.from, path.wire.to, 0.5);
    path.label.classList.toggle("fh-wire-level", Math.abs(path.wire.from[1] - path.wire.to[1]) < 18);
    Object.assign(path.label.style, { left: `${x}px`, top: `${y}px` });
  }
}

const NONE = [];

function reach({ from, to }) {
  const [x, y, w, h] = between(from, to);
  return [x - 90, y - 10, w + 180, h + 20];
}
