// The draft as things with places and sizes: what view, gestures and commands work with. No DOM.
import { WIDTH, around, heightOf, inputSpot, outputSpot, overlap, wireDistance } from "./geometry.js";
import { arrange } from "./layout.js";
import { placesOf, wireEnds } from "./ops.js";

const NEAR = 9; // pixels of the screen within which a wire counts as meant

export class Scene {
  /** @param {Record<string, object>} types node types by id */
  constructor(types) {
    this.types = types;
    this.nodes = new Map(); // id -> {id, node, x, y, w, h, ports, wired}
    this.wires = new Map(); // text -> {text, source, port, target, from, to}
    this.knownPorts = {}; // outputs by node, worked out by the host from each config
    this.shifted = new Map(); // places while a drag is under way
  }

  /** Take a draft; gives the ids and wires that look different now. */
  take(doc) {
    const old = this.nodes;
    const places = this.#places(doc);
    const ends = doc.wires.map((text) => [text, wireEnds(text)]);
    const outputs = new Map();
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
        before && before.node === node && before.x === x && before.y === y && before.wired === wired && String(before.ports) === String(ports);
      this.nodes.set(id, same ? before : { id, node, x, y, w: WIDTH, h: heightOf(ports), ports, wired });
    }
    this.#takeWires(ends);
  }

  /** Outputs besides `error`: those of the type, as configured, and those that have wires. */
  portsOf(id, node, wired = new Set()) {
    const type = this.types[node.type];
    const known = this.knownPorts[id] ?? type?.ports.map((port) => port.name) ?? [];
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

  boxes(ids) {
    return new Map([...ids].filter((id) => this.nodes.has(id)).map((id) => [id, this.box(id)]));
  }

  /** The rectangle around all nodes, or around some. */
  bounds(ids = this.nodes.keys()) {
    return around([...this.boxes(ids).values()]);
  }

  /** Nodes that share a spot with a rectangle. */
  within(box) {
    return [...this.nodes.values()].filter(({ x, y, w, h }) => overlap(box, [x, y, w, h])).map(({ id }) => id);
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

  #takeWires(ends) {
    const old = this.wires;
    this.wires = new Map();
    for (const [text, [source, port, target]] of ends) {
      const [a, b] = [this.nodes.get(source), this.nodes.get(target)];
      if (!a || !b) continue;
      const from = outputSpot([a.x, a.y], a.ports, port);
      const to = inputSpot([b.x, b.y]);
      const before = old.get(text);
      const same = before && String(before.from) === String(from) && String(before.to) === String(to);
      this.wires.set(text, same ? before : { text, source, port, target, from, to });
    }
  }

  #places(doc) {
    const given = placesOf(doc);
    const ids = Object.keys(doc.nodes);
    const missing = ids.filter((id) => !isSpot(given[id]));
    if (!missing.length) return given;
    const links = doc.wires.map(wireEnds).map(([source, , target]) => [source, target]);
    const made = arrange(ids, links, (id) => heightOf(this.portsOf(id, doc.nodes[id])));
    if (missing.length === ids.length) return made;
    // some have a place: the others go below them, in the arrangement's own order
    const lowest = Math.max(...ids.filter((id) => isSpot(given[id])).map((id) => given[id][1])) + 160;
    return Object.fromEntries(ids.map((id) => [id, isSpot(given[id]) ? given[id] : [made[id][0], made[id][1] + lowest]]));
  }
}

function isSpot(spot) {
  return Array.isArray(spot) && spot.length === 2 && spot.every(Number.isFinite);
}
