// The draft as things with places and sizes: what view, gestures and commands work with. No DOM.
import { frameBox, groupsOf, notesOf } from "./extras.js";
import { WIDTH, around, heightOf, inputSpot, outputSpot, overlap, wireDistance } from "./geometry.js";
import { arrange } from "./layout.js";
import { placesOf, wireEnds } from "./ops.js";

const NEAR = 9; // pixels of the screen within which a wire counts as meant

export class Scene {
  /** @param {Record<string, object>} types node types by id */
  constructor(types) {
    this.types = types;
    this.nodes = new Map(); // id -> {id, node, x, y, w, h, ports, wired, fed}
    this.wires = new Map(); // text -> {text, source, port, target, from, to, first}
    this.notes = new Map(); // id -> {id, text, x, y, w, h}
    this.groups = new Map(); // id -> {id, name, nodes, x, y, w, h}
    this.knownPorts = null; // outputs by node, once the host has worked them out from each config
    this.shifted = new Map(); // places while a drag is under way
    this.given = {}; // places the canvas itself gave to nodes that have none: kept, so that nothing jumps
  }

  /** Take a draft; gives the ids and wires that look different now. */
  take(doc) {
    const old = this.nodes;
    const places = this.#places(doc);
    const ends = doc.wires.map((text) => [text, wireEnds(text)]);
    const outputs = new Map();
    const fed = new Set(ends.map(([, [, , target]]) => target));
    for (const [, [source, port]] of ends) {
      if (!outputs.has(source)) outputs.set(source, new Set());
      outputs.get(source).add(port);
    }
    this.doc = doc;
    this.nodes = new Map();
    for (const [id, node] of Object.entries(doc.nodes)) {
      const ports = this.portsOf(id, node, outputs.get(id));
      const [x, y] = this.shifted.get(id) ?? places[id];
      const wired = [...(outputs.get(id) ?? [])].sort().join();
      const before = old.get(id);
      const same =
        before && before.node === node && before.x === x && before.y === y && before.wired === wired && before.fed === fed.has(id) && String(before.ports) === String(ports);
      this.nodes.set(id, same ? before : { id, node, x, y, w: WIDTH, h: heightOf(ports), ports, wired, fed: fed.has(id) });
    }
    this.#takeWires(ends);
    this.notes = notesOf(doc);
    for (const [id, note] of this.notes) [note.x, note.y] = this.shifted.get(`note:${id}`) ?? [note.x, note.y];
    this.groups = groupsOf(doc);
    for (const group of this.groups.values()) [group.x, group.y, group.w, group.h] = frameBox(group.nodes.map((id) => this.box(id)));
  }

  /** Outputs besides `error`: those of the type, as configured, and those that have wires. */
  portsOf(id, node, wired = new Set()) {
    const type = this.types[node.type];
    const known = this.knownPorts?.[id] ?? type?.ports.map((port) => port.name) ?? [];
    const sink = type?.kind === "sink";
    const shown = sink ? known.filter((port) => wired.has(port)) : known;
    return [...new Set([...shown, ...wired])].filter((port) => port !== "error");
  }

  /** Whether wires may lead to a node. */
  hasInput(id) {
    return this.kindOf(id) !== "source";
  }

  kindOf(id) {
    return this.types[this.nodes.get(id)?.node.type]?.kind ?? "unknown";
  }

  titleOf(id) {
    return this.nodes.get(id)?.node.name || id;
  }

  box(id) {
    const { x, y, w, h } = this.nodes.get(id);
    return [x, y, w, h];
  }

  /** A note or frame by key: `note:` or `group:` and its id. */
  extra(key) {
    const [kind, id] = key.split(":");
    return (kind === "note" ? this.notes : this.groups).get(id);
  }

  /** What moves together, by key: these nodes, notes, and the nodes of frames with the notes that lie in them. */
  things(ids, extras) {
    const frames = [...extras].filter((key) => key.startsWith("group:")).map((key) => this.extra(key)).filter(Boolean);
    const held = new Set([...ids, ...frames.flatMap((frame) => frame.nodes)]);
    const inside = ({ x, y, w, h }) => frames.some((f) => x >= f.x && y >= f.y && x + w <= f.x + f.w && y + h <= f.y + f.h);
    const notes = [...this.notes.values()].filter((note) => extras.has(`note:${note.id}`) || inside(note));
    return new Map([...this.boxes(held), ...notes.map(({ id, x, y, w, h }) => [`note:${id}`, [x, y, w, h]])]);
  }

  boxes(ids) {
    return new Map([...ids].filter((id) => this.nodes.has(id)).map((id) => [id, this.box(id)]));
  }

  /** The rectangle around all there is, or around some nodes. */
  bounds(ids = null) {
    if (ids) return around([...this.boxes(ids).values()]);
    return around([...this.solid(), ...[...this.groups.values()].map(({ x, y, w, h }) => [x, y, w, h])]);
  }

  /** The rectangles of all nodes and notes: what nothing else shall lie on. */
  solid() {
    return [...this.nodes.values(), ...this.notes.values()].map(({ x, y, w, h }) => [x, y, w, h]);
  }

  /** Nodes that share a spot with a rectangle. */
  within(box) {
    return [...this.nodes.values()].filter(({ x, y, w, h }) => overlap(box, [x, y, w, h])).map(({ id }) => id);
  }

  /** Notes that share a spot with a rectangle, as keys. */
  notesWithin(box) {
    return [...this.notes.values()].filter(({ x, y, w, h }) => overlap(box, [x, y, w, h])).map(({ id }) => `note:${id}`);
  }

  /** The innermost frame that a spot lies in and that holds none of some nodes. */
  frameAt([x, y], without) {
    const fits = (f) => x >= f.x && y >= f.y && x <= f.x + f.w && y <= f.y + f.h && !f.nodes.some((id) => without.has(id));
    return [...this.groups.values()].filter(fits).sort((a, b) => a.w * a.h - b.w * b.h)[0] ?? null;
  }

  /** The frame a node is in. */
  frameOf(id) {
    return [...this.groups.values()].find((group) => group.nodes.includes(id)) ?? null;
  }

  /** A wire that lies under a node which could be put into it. */
  wireUnder(id) {
    const { x, y, h } = this.nodes.get(id);
    if (this.kindOf(id) !== "transform") return null;
    const own = [...this.wires.values()].some((wire) => wire.source === id || wire.target === id);
    if (own) return null;
    const middle = [x + WIDTH / 2, y + Math.min(h, 82) / 2];
    let best = null;
    for (const wire of this.wires.values()) {
      if (wireDistance(wire.from, wire.to, middle) < 30) best = wire.text;
    }
    return best;
  }

  /** The wire nearest to a spot of the plane; null if none is near. */
  wireAt(spot, scale) {
    let best = null;
    let nearest = NEAR / scale;
    for (const wire of this.wires.values()) {
      const distance = wireDistance(wire.from, wire.to, spot);
      if (distance < nearest) [best, nearest] = [wire, distance];
    }
    return best;
  }

  /** The node at a spot of the plane. */
  nodeAt([x, y]) {
    return this.within([x, y, 0.01, 0.01]).at(-1) ?? null;
  }

  /** Show nodes elsewhere while they are dragged; null ends it. */
  shift(places) {
    this.shifted = new Map(Object.entries(places ?? {}));
    this.take(this.doc);
  }

  /** Places of nodes that the draft has none for, as they are seen. */
  unplaced() {
    const given = placesOf(this.doc);
    return Object.fromEntries([...this.nodes.values()].filter(({ id }) => !isSpot(given[id])).map(({ id, x, y }) => [id, [x, y]]));
  }

  /** Arrange nodes without places anew. */
  forgetGiven() {
    this.given = {};
  }

  #takeWires(ends) {
    const old = this.wires;
    this.wires = new Map();
    const entered = new Set();
    for (const [text, [source, port, target]] of ends) {
      const [a, b] = [this.nodes.get(source), this.nodes.get(target)];
      if (!a || !b) continue;
      const from = outputSpot([a.x, a.y], a.ports, port);
      const to = inputSpot([b.x, b.y]);
      const first = !entered.has(target); // the one that tells what waits before the target
      entered.add(target);
      const before = old.get(text);
      const same = before && before.first === first && String(before.from) === String(from) && String(before.to) === String(to);
      this.wires.set(text, same ? before : { text, source, port, target, from, to, first });
    }
  }

  #places(doc) {
    const given = placesOf(doc);
    const ids = Object.keys(doc.nodes);
    const missing = ids.filter((id) => !isSpot(given[id]));
    if (!missing.length) return given;
    if (missing.some((id) => !this.given[id])) this.given = { ...this.#arranged(doc, ids, given, missing), ...this.given };
    return { ...given, ...Object.fromEntries(missing.map((id) => [id, this.given[id]])) };
  }

  /** Places for nodes that have none. */
  #arranged(doc, ids, given, missing) {
    const links = doc.wires.map(wireEnds).map(([source, , target]) => [source, target]);
    const made = arrange(ids, links, (id) => heightOf(this.portsOf(id, doc.nodes[id])));
    if (missing.length === ids.length) return made;
    // some have a place: the others go below them, in the arrangement's own order
    const lowest = Math.max(...ids.filter((id) => isSpot(given[id])).map((id) => given[id][1])) + 160;
    return Object.fromEntries(missing.map((id) => [id, [made[id][0], made[id][1] + lowest]]));
  }
}

function isSpot(spot) {
  return Array.isArray(spot) && spot.length === 2 && spot.every(Number.isFinite);
}
