// Joins the parts: draft, socket, scene, view, panels. Every change of the flow goes through `commit`.
import { keepWriting } from "./annotate.js";
import { ByHand } from "./byhand.js";
import { copyText, pasteOps } from "./clipboard.js";
import { Draft } from "./draft.js";
import { addNode, pinned, removal } from "./edits.js";
import { noteUse } from "./finder.js";
import { Gestures } from "./gestures.js";
import { HostLink } from "./hostlink.js";
import { Memory } from "./memory.js";
import { peopleByNode } from "./people.js";
import { Findings, fieldTitle, nodeOf, placeOf } from "./problems.js";
import { textsOf } from "./rescue.js";
import { Scene } from "./scene.js";
import { View } from "./view.js";

export class Editor extends EventTarget {
  /**
   * @param {HTMLElement} frame the canvas
   * @param {{flow: string, life: string, types: object[], words: Record<string, string>, mayEdit: boolean}} facts
   */
  constructor(frame, facts) {
    super();
    Object.assign(this, { frame, flow: facts.flow, life: facts.life, words: facts.words, mayEdit: facts.mayEdit, mayOperate: facts.mayOperate, maySend: facts.maySend });
    this.types = Object.fromEntries(facts.types.map((type) => [type.type, type]));
    this.scene = new Scene(this.types);
    this.view = new View(frame, this.scene, this.words, facts.flow);
    this.selected = new Set(); // ids of nodes
    this.extras = new Set(); // keys of notes and frames, as Scene.extra takes them
    this.wire = null;
    this.opened = null;
    this.linted = []; // as the host says it
    this.problems = []; // as it is shown
    this.findings = new Findings();
    this.findings.unread.changed = () => this.showProblems();
    this.guarantees = [];
    this.people = [];
    this.draft = new Draft({
      send: (batch) => this.link.send({ t: "ops", ...batch }),
      changed: (change) => this.#changed(change),
      tell: (text) => this.tell(text, true),
      lost: (lost) => this.#lost(lost),
      kept: () => this.memory.soon(),
    });
    this.view.onWrite = (key, text) => keepWriting(this, key, text);
    this.memory = new Memory(this);
    this.gestures = new Gestures(this);
    this.hand = this.view.hand = new ByHand(this);
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
    const done = this.draft.commit(pinned(this.scene, ops), { label, merge });
    if (done) this.emit("committed", ops);
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

  /** Put a new node on the canvas, select and open it; see `addNode`. */
  add(typeId, spot, how) {
    const id = addNode(this, typeId, spot, how);
    if (id === null) return null;
    this.findings.added(id);
    noteUse(typeId);
    this.emit("used", typeId);
    this.select([id]);
    this.open(id);
    this.view.camera.reveal(this.scene.box(id));
    return id;
  }

  /** Delete what is selected; `join` connects what was before with what was behind. */
  remove({ join = false } = {}) {
    const ops = removal(this, join);
    const back = this.wire ? [this.anchor] : [];
    if (this.commit(ops, this.wire ? "unwire" : ops.length === 1 ? "delete" : "deleteSeveral")) this.select(back);
  }

  /** Set or take away a value in a node. */
  setNode(id, path, value, merge = "") {
    const place = ["nodes", id, ...path];
    const old = placeOf(place);
    this.findings.touched.add(id);
    // what was said of the value before does not hold any more; lint answers in a moment
    this.linted = this.linted.filter((one) => !(one.place === old || one.place.startsWith(`${old}[`) || one.place.startsWith(`${old}.`)));
    return this.commit([value === undefined ? { op: "unset", path: place } : { op: "set", path: place, value }], "edit", merge);
  }

  // -- selection

  /** Select nodes, and notes and frames by key. */
  select(ids, extras = []) {
    this.selected = new Set([...ids].filter((id) => this.scene.nodes.has(id)));
    this.extras = new Set([...extras].filter((key) => this.scene.extra(key)));
    this.wire = null;
    this.#selectionShown();
  }

  /** Select a wire; `anchor`: the node whose wires the keyboard goes through. */
  selectWire(text, anchor = null) {
    this.anchor = anchor;
    this.selected = new Set();
    this.extras = new Set();
    this.wire = text;
    this.open(null); // the panel is the wire's now
    this.#selectionShown();
  }

  /** Show the form of a node; null closes it. */
  open(id) {
    if (this.opened === id) return;
    if (this.findings.left(this.opened)) this.showProblems();
    this.opened = id;
    this.link.presence();
    this.emit("open", id);
  }

  /** Bring a node into sight, select and open it; or a note or frame, by its key. */
  jump(id) {
    const { scene, view } = this;
    const extra = scene.nodes.has(id) ? null : scene.extra(id);
    if (!extra && !scene.nodes.has(id)) return;
    this.select(extra ? [] : [id], extra ? [id] : []);
    this.open(extra ? null : id);
    if (view.camera.k < 0.5) view.camera.zoom(0.9 / view.camera.k);
    view.camera.reveal(extra ? [extra.x, extra.y, extra.w, extra.h] : scene.box(id));
  }

  /** Lead to what a problem is about: the form of its node with the caret in the field, or its wire. */
  reach(place) {
    const { node, rest } = nodeOf(place);
    const [, number] = /^wires\[(\d+)\]/.exec(place) ?? [];
    const wire = number === undefined ? null : this.draft.doc.wires[Number(number)];
    if (wire) this.selectWire(wire);
    else if (node) this.jump(node);
    else (this.select([]), this.open(null));
    if (wire) this.frame.focus({ preventScroll: true });
    else this.emit("focusfield", node ? rest : place);
  }

  // -- what drags show

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
    const [ids, extras] = [this.selected, this.extras];
    return ids.size || extras.size ? copyText(this.draft.doc, this.scene, ids, extras) : "";
  }

  /** Bring in copied nodes; false if the text holds none. */
  paste(text, spot = this.view.camera.toPlane(this.gestures.pointer ?? this.view.camera.middle())) {
    const pasted = pasteOps(text, this.draft.doc, spot, this.scene.solid());
    if (!pasted) return false;
    if (this.commit(pasted.ops, "paste")) {
      this.select(pasted.ids, pasted.extras);
      const box = this.scene.bounds(pasted.ids);
      // what is larger than the view is shown as a whole, the rest is brought into it
      if (box && box[2] * this.view.camera.k > this.frame.clientWidth - 80) this.view.fit(pasted.ids);
      else if (box) this.view.camera.reveal(box);
      if (pasted.missing.length) this.tell(this.words.paste_connections.replace("{names}", pasted.missing.join(", ")));
    }
    return true;
  }

  // -- words to the person

  /** `bad`: something could not be done. */
  tell(text, bad = false) {
    this.emit("tell", { text, bad });
  }

  hint(text) {
    this.emit("hint", text);
  }

  /** `wired`: the loose end the node is for; `splice`: the wire it goes into. */
  quickAdd(spot, wired = null, splice = null) {
    if (this.mayEdit) this.emit("quickadd", { spot, wired, splice });
  }

  /** Values of these nodes are wanted by a part of the page; each part speaks for itself. */
  watch(nodes, part = "form") {
    this.wanted = { ...this.wanted, [part]: nodes };
    this.link.watch([...new Set(Object.values(this.wanted).flat())]);
  }

  /** What lint says of the draft, and the outputs each config gives. */
  takeProblems({ problems, ports = {}, guarantees = [] }) {
    this.linted = problems;
    this.guarantees = guarantees;
    // until lint has told the outputs, cards may be too low; later nothing seen is moved any more
    if (!this.scene.knownPorts && !this.draft.undoStack.length) this.scene.forgetGiven();
    this.scene.knownPorts = ports;
    if (this.draft.ready) this.scene.take(this.draft.doc);
    this.showProblems();
  }

  /** Say anew what is wrong: lint has spoken, the draft or what the last messages showed is different. */
  showProblems() {
    this.problems = this.findings.of(this.linted, this.draft.doc, this.types, this.words);
    const byNode = new Map();
    for (const problem of this.problems) {
      const { node } = nodeOf(problem.place);
      if (node && !problem.calm) byNode.set(node, [...(byNode.get(node) ?? []), problem]);
    }
    this.view.mark({ problems: byNode });
    this.view.draw();
    this.emit("problems", this.problems);
  }

  /** Who else is here. */
  takePeople(people) {
    this.people = people;
    this.view.mark({ others: peopleByNode(people) });
    this.emit("people", people);
  }

  #changed({ before, after, by, put }) {
    this.scene.take(after);
    if (this.wire && this.scene.wires.has(this.wire)) this.selectWire(this.wire, this.anchor);
    else this.select(this.selected, this.extras);
    if (this.opened && !this.scene.nodes.has(this.opened)) {
      if (by) this.emit("nodegone", { title: before.nodes[this.opened].name || this.opened, by, put });
      this.open(null);
    }
    this.showProblems();
    if (before === null) this.#firstSight();
    this.view.draw();
    this.emit("change", { before, after, by, put });
    this.emit("undo", this.draft);
  }

  /** Edits of this tab that no longer fit: the node they were for is gone. */
  #lost({ ops, reason, by, before }) {
    const id = ops.find(({ path }) => path?.[0] === "nodes")?.path[1];
    const node = before?.nodes[id];
    if (!node || !by) return this.tell(reason, true);
    const titleOf = (path) => fieldTitle(this.types[node.type], placeOf(path.slice(2)));
    return this.emit("editlost", { title: node.name || id, by, texts: textsOf(ops, titleOf) });
  }

  #firstSight() {
    const { x, y, k } = this.memory.view ?? {};
    if (k) this.view.camera.set(x, y, k);
    else this.view.fit();
    const wanted = new URLSearchParams(location.search).get("node") ?? decodeURIComponent(location.hash.slice(1));
    if (this.scene.nodes.has(wanted) || this.scene.extra(wanted)) this.jump(wanted);
    else if (wanted) this.tell(this.words.no_such_node.replace("{node}", wanted));
  }

  #selectionShown() {
    this.view.mark({ selected: this.selected, extras: this.extras, wire: this.wire });
    this.link.presence();
    this.memory.soon();
    this.emit("select", { nodes: this.selected, extras: this.extras, wire: this.wire });
  }
}
