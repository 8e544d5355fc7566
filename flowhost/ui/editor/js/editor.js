// Joins the parts: draft, socket, scene, view, panels. Every change of the flow goes through `commit`.
import { copyText, freeId, pasteOps } from "./clipboard.js";
import { el } from "./dom.js";
import { Draft } from "./draft.js";
import { WIDTH, wireDistance } from "./geometry.js";
import { Gestures } from "./gestures.js";
import { HostLink } from "./hostlink.js";
import { Memory } from "./memory.js";
import { leadsTo, wireEnds, wireText } from "./ops.js";
import { Scene } from "./scene.js";
import { View } from "./view.js";

export class Editor extends EventTarget {
  /**
   * @param {HTMLElement} frame the canvas
   * @param {{flow: string, types: object[], words: Record<string, string>, mayEdit: boolean}} facts
   */
  constructor(frame, facts) {
    super();
    Object.assign(this, { frame, flow: facts.flow, words: facts.words, mayEdit: facts.mayEdit });
    this.types = Object.fromEntries(facts.types.map((type) => [type.type, type]));
    this.scene = new Scene(this.types);
    this.view = new View(frame, this.scene, this.words);
    this.selected = new Set();
    this.wire = null;
    this.opened = null;
    this.problems = [];
    this.guarantees = [];
    this.people = [];
    this.draft = new Draft({
      send: (batch) => this.link.send({ t: "ops", ...batch }),
      changed: (change) => this.#changed(change),
      tell: (text) => this.tell(text),
      kept: () => this.memory.soon(),
    });
    this.memory = new Memory(this);
    this.gestures = new Gestures(this);
    this.link = new HostLink(this);
  }

  release() {
    this.memory.keep();
    this.link.close();
    this.gestures.release();
    this.view.release();
  }

  /** Tell panels that something they show is different. */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  on(name, handler) {
    this.addEventListener(name, (event) => handler(event.detail));
  }

  // -- changes

  /** Do operations; `label` is a key of words for undo. False if they do not fit. */
  commit(ops, label = "", merge = "") {
    if (!this.mayEdit || !this.draft.ready || !ops.length) return false;
    const done = this.draft.commit(ops, { label, merge });
    this.emit("undo", this.draft);
    return done;
  }

  undo() {
    this.draft.undo();
    this.emit("undo", this.draft);
  }

  redo() {
    this.draft.redo();
    this.emit("undo", this.draft);
  }

  /** Put a new node on the canvas. `wired`: end of a loose wire it is for; `splice`: a wire it goes into. */
  add(typeId, spot, { wired = null, splice = null } = {}) {
    const type = this.types[typeId];
    const stem = typeId.split(".").at(-1);
    const id = freeId(stem, new Set(Object.keys(this.draft.doc.nodes)));
    const node = { type: typeId, ...this.#firstConnection(type) };
    const at = [Math.round(spot[0] / 8) * 8, Math.round((spot[1] - 26) / 8) * 8];
    const ops = [{ op: "add_node", id, node, at }];
    const port = type.ports[0]?.name ?? "error";
    if (wired?.forwards && type.kind !== "source") ops.push({ op: "add_wire", wire: wireText(wired.id, wired.port, id) });
    else if (wired && !wired.forwards && type.kind !== "sink") ops.push({ op: "add_wire", wire: wireText(id, port, wired.id) });
    if (splice && type.kind === "transform") ops.push(...spliceInto(splice, id, port));
    if (!this.commit(ops, "add")) return null;
    this.select([id]);
    this.open(id);
    return id;
  }

  /** Delete what is selected; `join` connects what was before with what was behind. */
  remove({ join = false } = {}) {
    if (this.wire) return this.commit([{ op: "del_wire", wire: this.wire }], "unwire") && this.select([]);
    const ids = [...this.selected];
    if (!ids.length) return;
    const ops = ids.map((id) => ({ op: "del_node", id }));
    if (join) ops.push(...joinOps(this.scene, ids));
    if (this.commit(ops, ids.length === 1 ? "delete" : "deleteSeveral")) this.select([]);
  }

  /** Set or take away a value in a node. */
  setNode(id, path, value, merge = "") {
    const place = ["nodes", id, ...path];
    return this.commit([value === undefined ? { op: "unset", path: place } : { op: "set", path: place, value }], "edit", merge);
  }

  /** Operations that put a node into a wire. */
  spliceOps(id, text) {
    return spliceInto(text, id, this.scene.nodes.get(id).ports[0] ?? "error");
  }

  // -- selection

  select(ids) {
    this.selected = new Set([...ids].filter((id) => this.scene.nodes.has(id)));
    this.wire = null;
    this.#selectionShown();
  }

  selectWire(text) {
    this.selected = new Set();
    this.wire = text;
    this.#selectionShown();
  }

  /** Show the form of a node; null closes it. */
  open(id) {
    if (this.opened === id) return;
    this.opened = id;
    this.link.presence();
    this.emit("open", id);
  }

  /** Bring a node into sight, select and open it. */
  jump(id) {
    if (!this.scene.nodes.has(id)) return;
    this.select([id]);
    this.open(id);
    if (this.view.camera.k < 0.5) this.view.camera.zoom(0.9 / this.view.camera.k);
    this.view.camera.reveal(this.scene.box(id));
  }

  // -- what drags ask

  /** Nodes whose messages reach `id` (`forwards` false), or that `id`'s messages reach. */
  reach(id, forwards) {
    const { doc } = this.draft;
    const others = Object.keys(doc.nodes).filter((other) => other !== id);
    return new Set(others.filter((other) => (forwards ? leadsTo(doc, id, other) : leadsTo(doc, other, id))));
  }

  /** A wire that lies under a node which could be put into it. */
  wireUnder(id) {
    const { x, y, h } = this.scene.nodes.get(id);
    if (this.scene.kindOf(id) !== "transform") return null;
    const own = [...this.scene.wires.values()].some((wire) => wire.source === id || wire.target === id);
    if (own) return null;
    const middle = [x + WIDTH / 2, y + Math.min(h, 82) / 2];
    let best = null;
    for (const wire of this.scene.wires.values()) {
      if (wireDistance(wire.from, wire.to, middle) < 30) best = wire.text;
    }
    return best;
  }

  highlightWire(text) {
    if (this.lit === text) return;
    this.lit = text;
    this.view.mark({ wire: text ?? this.wire });
  }

  hideWire(text) {
    for (const path of this.view.svg.querySelectorAll(".fe-hidden")) path.classList.remove("fe-hidden");
    this.view.paths.get(text)?.root.classList.add("fe-hidden");
  }

  // -- clipboard

  copy() {
    return this.selected.size ? copyText(this.draft.doc, this.scene, this.selected) : "";
  }

  /** Bring in copied nodes; false if the text holds none. */
  paste(text, spot = this.view.camera.toPlane(this.view.camera.middle())) {
    const pasted = pasteOps(text, this.draft.doc, spot);
    if (!pasted) return false;
    if (this.commit(pasted.ops, "paste")) {
      this.select(pasted.ids);
      if (pasted.missing.length) this.tell(this.words.paste_connections.replace("{names}", pasted.missing.join(", ")));
    }
    return true;
  }

  // -- words to the person

  tell(text) {
    this.emit("tell", text);
  }

  hint(text) {
    this.emit("hint", text);
  }

  quickAdd(spot, wired = null) {
    if (this.mayEdit) this.emit("quickadd", { spot, wired });
  }

  /** Values of these nodes are wanted by a part of the page; each part speaks for itself. */
  watch(nodes, part = "form") {
    this.wanted = { ...this.wanted, [part]: nodes };
    this.link.watch([...new Set(Object.values(this.wanted).flat())]);
  }

  /** What lint says of the draft, and the outputs each config gives. */
  takeProblems({ problems, ports = {}, guarantees = [] }) {
    this.problems = problems;
    this.guarantees = guarantees;
    this.scene.knownPorts = ports;
    const byNode = new Map();
    for (const problem of problems) {
      const [, node] = /^nodes\.([a-z0-9_]+)/.exec(problem.place) ?? [];
      if (node) byNode.set(node, [...(byNode.get(node) ?? []), problem]);
    }
    this.view.mark({ problems: byNode });
    if (this.draft.ready) this.scene.take(this.draft.doc);
    this.view.draw();
    this.emit("problems", problems);
  }

  /** Who else is here. */
  takePeople(people) {
    this.people = people;
    this.view.mark({ others: new Map(people.filter((one) => one.node).map((one) => [one.node, one.name])) });
    this.emit("people", people);
  }

  #changed({ before, after, by }) {
    this.scene.take(after);
    this.select([...this.selected].filter((id) => this.scene.nodes.has(id)));
    if (this.opened && !this.scene.nodes.has(this.opened)) this.open(null);
    if (before === null) this.#firstSight();
    this.view.draw();
    this.emit("change", { before, after, by });
    this.emit("undo", this.draft);
  }

  #firstSight() {
    const { x, y, k } = this.memory.view ?? {};
    if (k) this.view.camera.set(x, y, k);
    else this.view.fit();
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (wanted) this.jump(wanted);
  }

  #selectionShown() {
    this.view.mark({ selected: this.selected, wire: this.wire });
    this.link.presence();
    this.memory.soon();
    this.emit("select", { nodes: this.selected, wire: this.wire });
  }

  #firstConnection(type) {
    if (!type.connection) return {};
    const [fitting] = this.links.fitting(type.connection);
    return fitting ? { connection: fitting.name } : {};
  }
}

/** Operations that connect what was before deleted nodes with what was behind them. */
function joinOps(scene, ids) {
  const gone = new Set(ids);
  const wires = [...scene.wires.values()];
  const ops = [];
  for (const { source, port, target } of wires) {
    if (gone.has(source) || !gone.has(target)) continue;
    for (const behind of wires) {
      const wire = wireText(source, port, behind.target);
      if (behind.source === target && behind.port !== "error" && !gone.has(behind.target) && !scene.wires.has(wire)) ops.push({ op: "add_wire", wire });
    }
  }
  return ops;
}

/** Operations that lead a wire through a node. */
function spliceInto(text, id, port) {
  const [source, out, target] = wireEnds(text);
  return [
    { op: "del_wire", wire: text },
    { op: "add_wire", wire: wireText(source, out, id) },
    { op: "add_wire", wire: wireText(id, port, target) },
  ];
}

/** A short message at the lower edge; goes by itself. */
export function toast(host, text) {
  const made = el("div", "fe-toast", { role: "status" }, text);
  host.append(made);
  setTimeout(() => made.remove(), 6000);
}
